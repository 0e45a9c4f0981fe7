package graceful_test

// Servers as they are used in the wild: with handlers that speak h2 on
// connections they have taken, with listeners that wrap their connections, and
// below a context that ends with the same signal.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// golang.org/x/net/http2/h2c takes the connection, wraps it, and tells the
// server's ConnState hook of the wrapper, but never of its end.
func TestAHandlerThatSpeaksHTTP2OnAConnectionItTookLeavesNothingToWaitFor(t *testing.T) {
	var srv *http.Server
	srv = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		wrapped := struct {
			net.Conn
			*bufio.Reader
		}{c, rw.Reader}
		srv.ConnState(&onlyConn{wrapped.Conn}, http.StateActive)
		srv.ConnState(&onlyConn{wrapped.Conn}, http.StateIdle)
		rw.WriteString("hijacked\n")
		rw.Flush()
		c.Close()
	})}
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.HTTP("http", "127.0.0.1:0", srv)
		c.Limit = patience
		m.Add(1, c)
	})
	for range 3 {
		conn := dial(t, m.Addr("http").String())
		fmt.Fprint(conn, "PRI * HTTP/1.1\r\nHost: test\r\n\r\n")
		_, err := io.ReadAll(conn)
		require.NoError(t, err)
	}
	require.Empty(t, m.Conns())
	report, err := stop()
	require.NoError(t, err, "%s", report)
}

// onlyConn hides all but the methods of net.Conn, as a struct that embeds one
// does.
type onlyConn struct{ net.Conn }

type wrapping struct{ net.Listener }

func (w wrapping) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &onlyConn{c}, nil
}

func TestAWebsocketOnAWrappedConnectionSaysGoodbye(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.HTTP("http", "", &http.Server{Handler: http.HandlerFunc(websocket)})
		c.Limit = patience
		c.Listener = wrapping{ln}
		m.Add(1, c)
	})
	var conns []*bufio.Reader
	for range 3 {
		conn := dial(t, m.Addr("http").String())
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		r := bufio.NewReader(conn)
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
		conns = append(conns, r)
	}
	report, err := stop()
	require.NoError(t, err, "%s", report)
	for _, r := range conns {
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, goingAway, got)
	}
}

func TestTheOldestSaysGoodbyeFirstWhateverItsKind(t *testing.T) {
	const others = 30
	var mu sync.Mutex
	var said []string
	asked := make(chan struct{}, others+1)
	addr, stop := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/socket" {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
		}
		draining := graceful.Draining(r.Context())
		asked <- struct{}{}
		<-draining
		mu.Lock()
		defer mu.Unlock()
		said = append(said, r.URL.Path)
	})})
	ask := func(path string) {
		fmt.Fprintf(dial(t, addr), "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path)
		<-asked
	}
	ask("/socket")
	for range others {
		ask("/events")
	}
	_, err := stop()
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, said[:others/2], "/socket")
}

func init() { plays["notifyctx"] = playNotifyContext }

// playNotifyContext runs below a context that a signal ends, too.
func playNotifyContext(string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	m := graceful.New(graceful.Options{Delay: 300 * time.Millisecond, OnReady: func() { say("up") }})
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: handler()}))
	m.Add(2, graceful.Component{Name: "say", Start: func(context.Context) error {
		say("ready %s", m.Addr("http"))
		return nil
	}})
	report, _ := m.Run(ctx)
	say("%s", report)
	return report.ExitCode()
}

func TestATermIsFollowedByItsDelayBelowAContextThatItEnds(t *testing.T) {
	t.Parallel()
	for range 10 {
		c := start(t, "notifyctx")
		c.line("up")
		signalled := time.Now()
		c.signal(syscall.SIGTERM)
		require.Equal(t, 0, c.exit(), "%s", c.output())
		require.GreaterOrEqual(t, time.Since(signalled), 300*time.Millisecond, "%s", c.output())
	}
}

func TestAHijackedConnectionThatIsCutIsClosed(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			close(begun)
			if err == nil {
				_, err = c.Read(make([]byte, 1))
			}
			ended <- err
		})})
		c.Limit = 50 * time.Millisecond
		m.Add(1, c)
	})
	conn := dial(t, m.Addr("http").String())
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-begun
	report, err := stop()
	require.Error(t, err)
	require.Equal(t, "cut", report.Components[0].Outcome)
	require.ErrorIs(t, <-ended, net.ErrClosed)
}

// Nobody else tells what a handler has left behind that the server is gone.
func TestTheContextsOfRequestsEndWithTheStop(t *testing.T) {
	left := make(chan context.Context, 1)
	addr, stop := serveHTTP(t, &http.Server{ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
		left <- ctx
		return ctx
	}})
	require.Equal(t, "404 page not found\n", begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+addr).body(t))
	ctx := <-left
	require.NoError(t, ctx.Err())
	_, err := stop()
	require.NoError(t, err)
	require.ErrorIs(t, ctx.Err(), context.Canceled)
}

// While connections to the path are still taken from the queue, it is free.
func TestAnHeirThatBindsThePathBeforeTheSocketIsClosedKeepsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	_, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		m.Add(1, graceful.HTTP("http", "unix:"+path, &http.Server{}))
	})
	heir := make(chan net.Listener, 1)
	go func() { // ends with the heir's socket
		for {
			if ln, err := net.Listen("unix", path); err == nil {
				heir <- ln
				return
			}
			wait(time.Millisecond)
		}
	}()
	_, err := stop()
	require.NoError(t, err)
	ln := <-heir
	defer ln.Close()
	require.FileExists(t, path)
}
