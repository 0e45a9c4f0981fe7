package graceful_test

// What clients of a server that stops get to see: real processes, and clients
// that send nothing twice.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func init() { plays["unread"] = playUnread }

// idleThenPost opens a thousand idle connections, signals, and sends a request
// on each of them within 20 ms. late are those that this machine was too busy
// to send before the settle time was over.
func idleThenPost(t *testing.T, mode string) (answered, lost, late int64, why string) {
	c := start(t, mode)
	const n = 1000
	var conns [n]net.Conn
	var readers [n]*bufio.Reader
	for i := range conns {
		conns[i] = dial(t, c.addr)
		readers[i] = bufio.NewReader(conns[i])
		_, err := exchange(conns[i], readers[i], "first", true)
		require.NoError(t, err)
	}
	var ok, bad, slow atomic.Int64
	var first atomic.Value
	var wg sync.WaitGroup
	signalled := make(chan struct{})
	var at time.Time
	for i := range conns {
		after := time.Duration(rand.Int64N(int64(20 * time.Millisecond)))
		wg.Go(func() {
			<-signalled
			wait(after)
			a, err := exchange(conns[i], readers[i], fmt.Sprint("second ", i), true)
			switch {
			case err == nil:
				ok.Add(1)
			case a.sent.Sub(at) < settle:
				bad.Add(1)
				first.CompareAndSwap(nil, err.Error())
			default:
				slow.Add(1)
			}
		})
	}
	at = time.Now()
	c.signal(syscall.SIGTERM)
	close(signalled)
	wg.Wait()
	require.Equal(t, 0, c.exit(), "%s", c.output())
	return ok.Load(), bad.Load(), slow.Load(), fmt.Sprint(first.Load())
}

func TestAThousandIdleClientsThatSendRightAfterTheSignalAreAllServed(t *testing.T) {
	answered, lost, late, why := idleThenPost(t, "http")
	t.Logf("%d answered, %d lost, %d sent late and lost", answered, lost, late)
	require.Zero(t, lost, why)
	require.Greater(t, answered, int64(100), "this machine was too busy to tell")
}

func TestAPlainShutdownLosesSomeOfAThousandIdleClients(t *testing.T) {
	for range 5 {
		if _, lost, _, _ := idleThenPost(t, "plain"); lost > 0 {
			return
		}
	}
	require.Fail(t, "the control lost nothing: these clients prove nothing")
}

// playUnread answers without reading what it is sent.
func playUnread(string) int {
	m := graceful.New(graceful.Options{})
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		say("begun")
		<-graceful.Draining(r.Context())
		wait(3 * settle)
		fmt.Fprint(w, strings.Repeat("answer ", 1000))
	})}))
	m.Add(2, graceful.Component{Name: "say", Start: func(context.Context) error {
		say("ready %s", m.Addr("http"))
		return nil
	}})
	report, _ := m.Run(context.Background())
	say("%s", report)
	return report.ExitCode()
}

// A close with unread bytes in the buffer makes the kernel send a reset, which
// destroys the answer on its way.
func TestAnAnswerToABodyThatNobodyReadsArrivesWhole(t *testing.T) {
	t.Parallel()
	c := start(t, "unread")
	const n, size = 10, 10 << 20
	answers := make(chan error, n)
	for range n {
		conn := dial(t, c.addr)
		go func() { // ends with the connection
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", size)
			_, _ = conn.Write(make([]byte, size)) // never all of it
		}()
		go func() { // ends with its answer
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				answers <- err
				return
			}
			body, err := io.ReadAll(resp.Body)
			if string(body) != strings.Repeat("answer ", 1000) {
				err = errors.Join(err, fmt.Errorf("%d bytes", len(body)))
			}
			answers <- err
		}()
	}
	for range n {
		c.line("begun")
	}
	c.signal(syscall.SIGTERM)
	for range n {
		require.NoError(t, <-answers)
	}
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

// An answer whose head is out can't say that it is the last, and a handler may
// claim that it is not.
func TestAConnectionThatWasNotToldToGoIsClosedInOrder(t *testing.T) {
	begun, goOn := make(chan struct{}, 2), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/out": // before the stop begins
			w.(http.Flusher).Flush()
			begun <- struct{}{}
			<-goOn
		case "/claims":
			begun <- struct{}{}
			<-goOn
			w.Header().Set("Connection", "keep-alive")
		}
		io.WriteString(w, "answer")
	})}
	addr, stop := serveHTTP(t, srv)
	paths := []string{"/out", "/claims"}
	var conns []net.Conn
	var readers []*bufio.Reader
	for _, path := range paths {
		conn := dial(t, addr)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path)
		<-begun
		conns, readers = append(conns, conn), append(readers, bufio.NewReader(conn))
	}
	watcher := dial(t, addr) // when it is told to go, the stop has begun
	r := bufio.NewReader(watcher)
	done := make(chan error, 1)
	go func() { // ends with the stop
		_, err := stop()
		done <- err
	}()
	for told := false; !told; {
		fmt.Fprint(watcher, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		told = resp.Close
	}
	close(goOn)
	for i, path := range paths {
		resp, err := http.ReadResponse(readers[i], nil)
		require.NoError(t, err, path)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err, path)
		require.Equal(t, "answer", string(body), path)
		require.False(t, resp.Close, path)
	}
	// What comes on such a connection is served, and now it is told.
	fmt.Fprint(conns[0], "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	resp, err := http.ReadResponse(readers[0], nil)
	require.NoError(t, err)
	require.True(t, resp.Close)
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	for i, path := range paths {
		_, err := readers[i].ReadByte()
		require.ErrorIs(t, err, io.EOF, path) // and not a reset
	}
	require.NoError(t, <-done)
}
