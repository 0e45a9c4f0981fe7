package graceful_test

// Long answers and connections of their own: they learn of the stop, get the
// time to say goodbye, and do not all say it at once.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// goingAway is a websocket's close frame with code 1001.
var goingAway = []byte{0x88, 2, 1001 >> 8, 1001 & 0xff}

// websocket keeps a connection of its own until the server drains.
func websocket(w http.ResponseWriter, r *http.Request) {
	draining := graceful.Draining(r.Context())
	c, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	rw.Flush()
	<-draining
	c.Write(goingAway)
}

func TestFiveHundredWebsocketsAllSayGoodbyeButNotAtOnce(t *testing.T) {
	t.Parallel()
	const sockets, window = 500, 4 * time.Second
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(websocket)})
		c.Limit = window
		m.Add(1, c)
	})
	var mu sync.Mutex
	var goodbyes []time.Time
	var bad []string
	var wg sync.WaitGroup
	for range sockets {
		conn := dial(t, m.Addr("http").String())
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		r := bufio.NewReader(conn)
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
		wg.Go(func() { // ends with the connection
			rest, err := io.ReadAll(r)
			mu.Lock()
			defer mu.Unlock()
			goodbyes = append(goodbyes, time.Now())
			if err != nil || string(rest) != string(goingAway) {
				bad = append(bad, fmt.Sprintf("%x %v", rest, err))
			}
		})
	}
	began := time.Now()
	report, err := stop()
	require.NoError(t, err)
	wg.Wait()
	require.Empty(t, bad)
	require.Equal(t, "stopped", report.Components[0].Outcome)
	require.Len(t, goodbyes, sockets)
	slices.SortFunc(goodbyes, time.Time.Compare)
	require.Less(t, goodbyes[sockets/20].Sub(began), window/4)
	require.Greater(t, goodbyes[sockets-1].Sub(goodbyes[0]), window/4, "they are spread over half of the window")
}

func TestWhoAsksLateIsToldAtOnceAndWhoClosedIsForgotten(t *testing.T) {
	t.Parallel()
	asked, ask := make(chan struct{}), make(chan struct{})
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(asked)
			<-ask
			<-graceful.Draining(r.Context())
			<-graceful.Draining(r.Context()) // again: the same
		})})
		c.Limit = patience
		m.Add(1, c, graceful.Component{Name: "ask", Stop: func(context.Context) error { close(ask); return nil }})
	})
	conn := dial(t, m.Addr("http").String())
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-asked
	report, err := stop()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"http": "stopped", "ask": "stopped"}, outcomes(report))
}

func TestAnEventStreamEndsWithItsLastEventAndNotInTheMiddle(t *testing.T) {
	t.Parallel()
	c := start(t, "http")
	conn := dial(t, c.addr)
	fmt.Fprint(conn, "GET /events HTTP/1.1\r\nHost: test\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	events := bufio.NewReader(resp.Body)
	line, err := events.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "data: hello\n", line)
	c.signal(syscall.SIGTERM)
	rest, err := io.ReadAll(events)
	require.NoError(t, err, "the body is whole")
	require.Equal(t, "\ndata: goodbye\n\n", string(rest))
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestAContextFromElsewhereIsGivenTheSignalOfAComponent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		ended := make(chan string, 2)
		var early <-chan struct{}
		m.Add(1, worker("below"))
		m.Add(2, graceful.Func("streams", func(ctx context.Context, ready func()) error {
			ready()
			own := m.WithDraining(context.Background(), "streams")
			<-graceful.Draining(own)
			ended <- m.State()
			<-ctx.Done()
			return nil
		}))
		lower := m.WithDraining(t.Context(), "below")
		early = graceful.Draining(lower)
		require.Nil(t, early, "nothing was started yet")
		m.Add(3, graceful.Component{Name: "above", Stop: func(context.Context) error {
			select {
			case <-graceful.Draining(lower):
				return errMade
			default:
				return nil
			}
		}}, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Len(t, ended, 1)
	})
}

// greeter is a server of the shape of grpc's, which waits for handshakes in its
// stop.
type greeter struct {
	mu     sync.Mutex
	ln     net.Listener
	shakes sync.WaitGroup
	served chan net.Conn
}

func (g *greeter) Serve(ln net.Listener) error {
	g.mu.Lock()
	g.ln = ln
	g.mu.Unlock()
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		g.shakes.Go(func() { // ends with the handshake
			if _, err := io.ReadFull(c, make([]byte, 24+9)); err != nil {
				c.Close()
				return
			}
			g.served <- c
		})
	}
}

func (g *greeter) GracefulStop() { g.shakes.Wait() }
func (g *greeter) Stop()         {}

func TestHandshakesThatStoppedHalfwayDoNotHoldUpAGRPCServer(t *testing.T) {
	t.Parallel()
	g := &greeter{served: make(chan net.Conn, 10)}
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		m.Add(1, graceful.GRPC("rpc", "127.0.0.1:0", g))
	})
	addr := m.Addr("rpc").String()
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	whole := dial(t, addr)
	fmt.Fprint(whole, preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	server := <-g.served
	defer server.Close()
	for i := range 100 {
		fmt.Fprint(dial(t, addr), preface[:i%25])
	}
	report, err := stop()
	require.NoError(t, err)
	require.Equal(t, "stopped", report.Components[0].Outcome)
	fmt.Fprint(whole, "x")
	one := make([]byte, 1)
	_, err = server.Read(one)
	require.NoError(t, err, "what has greeted is left alone")
}
