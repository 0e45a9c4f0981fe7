package graceful_test

// An http server in this process: what the component adds to it, and what it
// leaves alone.

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func serveHTTP(t *testing.T, srv *http.Server) (addr string, stop func() (graceful.Report, error)) {
	t.Helper()
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.HTTP("http", "127.0.0.1:0", srv)
		c.Limit = patience
		m.Add(1, c)
	})
	return m.Addr("http").String(), stop
}

func TestTheServersOwnHooksKeepWorking(t *testing.T) {
	type base struct{}
	type conn struct{}
	var mu sync.Mutex
	states := map[net.Conn][]http.ConnState{}
	srv := &http.Server{
		BaseContext: func(ln net.Listener) context.Context {
			_, tcp := ln.(*net.TCPListener)
			return context.WithValue(context.Background(), base{}, tcp)
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			_, tcp := c.(*net.TCPConn) // nothing is wrapped around it
			return context.WithValue(ctx, conn{}, tcp)
		},
		ConnState: func(c net.Conn, s http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			states[c] = append(states[c], s)
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Context().Value(base{}), r.Context().Value(conn{}), graceful.Draining(r.Context()) != nil)
		}),
	}
	addr, stop := serveHTTP(t, srv)
	r := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+addr)
	require.Equal(t, "true true true", r.body(t))
	_, err := stop()
	require.NoError(t, err)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, states, 1)
	for _, seen := range states { // all of it, the end included, when Run has returned
		require.Equal(t, []http.ConnState{http.StateNew, http.StateActive, http.StateIdle, http.StateClosed}, seen)
	}
}

func TestEveryAnswerAfterTheStopBeganSaysClose(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() {
			close(started)
			<-graceful.Draining(r.Context())
			close(release)
		})
		io.WriteString(w, "answer")
	})}
	addr, stop := serveHTTP(t, srv)
	idle := dial(t, addr) // accepted, and silent until the stop has begun
	slow := make(chan error, 1)
	go func() { // ends with its answer
		resp, err := http.Get("http://" + addr)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		slow <- err
	}()
	<-started
	late := make(chan *http.Response, 1)
	go func() { // ends with its answer, or nil
		<-release
		fmt.Fprint(idle, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
		resp, _ := http.ReadResponse(bufio.NewReader(idle), nil)
		late <- resp
	}()
	report, err := stop()
	require.NoError(t, err)
	require.NoError(t, <-slow)
	resp := <-late
	require.NotNil(t, resp)
	require.True(t, resp.Close)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "stopped", report.Components[0].Outcome)
}

func TestTLSIsServedAboveTheListener(t *testing.T) {
	stranger := httptest.NewUnstartedServer(nil)
	stranger.StartTLS()
	defer stranger.Close()
	for name, h2 := range map[string]bool{"http/1.1": false, "h2": true} {
		t.Run(name, func(t *testing.T) {
			slow := make(chan struct{})
			srv := &http.Server{
				TLSConfig: &tls.Config{Certificates: stranger.TLS.Certificates},
				Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/slow" {
						close(slow)
						<-graceful.Draining(r.Context())
						<-time.After(20 * time.Millisecond)
					}
					fmt.Fprint(w, r.ProtoMajor)
				}),
			}
			addr, stop := serveHTTP(t, srv)
			transport := stranger.Client().Transport.(*http.Transport).Clone()
			transport.ForceAttemptHTTP2 = h2
			if !h2 {
				transport.Protocols = new(http.Protocols)
				transport.Protocols.SetHTTP1(true)
			}
			client := &http.Client{Transport: transport}
			want := map[bool]string{false: "1", true: "2"}[h2]
			require.Equal(t, want, begin(t, client, "https://"+addr).body(t))
			answer := make(chan string, 1)
			go func() { // ends with its answer
				resp, err := client.Get("https://" + addr + "/slow")
				if err != nil {
					answer <- err.Error()
					return
				}
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				answer <- string(body)
			}()
			<-slow
			report, err := stop()
			require.NoError(t, err)
			require.Equal(t, want, <-answer)
			require.Equal(t, "stopped", report.Components[0].Outcome)
		})
	}
}

// holding is a listener whose connections keep what they have read to
// themselves for a while once the stop has begun, as a goroutine does that has
// lost its turn between its read and its next line.
type holding struct {
	*net.TCPListener
	stopping chan struct{}
}

func (l holding) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return heldConn{c, l.stopping}, nil
}

type heldConn struct {
	*net.TCPConn
	stopping chan struct{}
}

func (c heldConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	select {
	case <-c.stopping:
		if n > 0 {
			wait(3 * settle)
		}
	default:
	}
	return n, err
}

// Between the read of a request and the state that tells of it, a connection
// looks silent.
func TestARequestThatWasReadAndNotYetToldOfIsServed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stopping := make(chan struct{})
	_, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.HTTP("http", "", &http.Server{Handler: handler()})
		c.Listener = holding{ln.(*net.TCPListener), stopping}
		m.Add(1, c, graceful.Component{Name: "stopping", Stop: func(context.Context) error { close(stopping); return nil }})
	})
	used, fresh := dial(t, ln.Addr().String()), dial(t, ln.Addr().String())
	r := bufio.NewReader(used)
	_, err = exchange(used, r, "first", true)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { // ends with the stop
		_, err := stop()
		done <- err
	}()
	<-stopping
	for _, c := range []net.Conn{used, fresh} {
		fmt.Fprint(c, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n")
	}
	wait(2 * settle) // until they have been taken for silent
	for _, c := range []net.Conn{used, fresh} {
		fmt.Fprint(c, "hello")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, "hello", string(body))
	}
	require.NoError(t, <-done)
}

// deadlines is a connection of which only its read deadlines matter.
type deadlines struct {
	net.Conn
	set chan time.Time
}

func (d deadlines) SetReadDeadline(t time.Time) error { d.set <- t; return nil }

// The same, if the request is told of right after the connection was sent away.
func TestAConnectionThatIsNotSilentAfterAllIsLeftInPeace(t *testing.T) {
	srv := &http.Server{}
	_, stop := serveHTTP(t, srv)
	c := deadlines{set: make(chan time.Time, 10_000)}
	srv.ConnContext(t.Context(), c) // as net/http calls the hooks
	srv.ConnState(c, http.StateNew)
	done := make(chan error, 1)
	go func() { // ends with the stop
		_, err := stop()
		done <- err
	}()
	require.True(t, (<-c.set).Before(time.Now()))
	srv.ConnState(c, http.StateActive)
	last := <-c.set
	for len(c.set) > 0 {
		last = <-c.set
	}
	require.Zero(t, last)
	srv.ConnState(c, http.StateClosed)
	require.NoError(t, <-done)
}

// recorder keeps what a client reads from its connection.
type recorder struct {
	net.Conn
	mu   sync.Mutex
	read []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read = append(r.read, p[:n]...)
	return n, err
}

// frames returns the types of the h2 frames that the client has read.
func (r *recorder) frames() (types []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for b := r.read; len(b) >= 9; {
		types = append(types, b[3])
		b = b[min(len(b), 9+int(b[0])<<16+int(b[1])<<8+int(b[2])):]
	}
	return types
}

// An idle h2 connection may have frames that are not flushed yet, and streams
// that cross the close; a GOAWAY tells its client which to send again.
func TestAnIdleHTTP2ConnectionIsToldToGoAndNotJustClosed(t *testing.T) {
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Protocols: new(http.Protocols)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	addr, stop := serveHTTP(t, srv)
	var conn *recorder
	transport := &http.Transport{Protocols: new(http.Protocols), DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		conn = &recorder{Conn: c}
		return conn, err
	}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	begin(t, &http.Client{Transport: transport}, "http://"+addr).body(t)
	const goAway = 7
	require.NotContains(t, conn.frames(), byte(goAway))
	report, err := stop()
	require.NoError(t, err)
	require.Equal(t, "stopped", report.Components[0].Outcome)
	require.Eventually(t, func() bool { return bytes.Contains(conn.frames(), []byte{goAway}) }, patience, time.Millisecond)
}

func TestACutRequestLearnsWhoCutIt(t *testing.T) {
	started, cause := make(chan struct{}), make(chan error, 1)
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(started)
			<-r.Context().Done()
			cause <- context.Cause(r.Context())
		})})
		c.Limit = 100 * time.Millisecond
		m.Add(1, c)
	})
	conn := dial(t, m.Addr("http").String())
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-started
	report, err := stop()
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualError(t, <-cause, "ctxutil: http: timed out after 100ms, limit 100ms")
	require.Equal(t, "cut", report.Components[0].Outcome)
	require.Regexp(t, `^cut 1 active, 0 silent, 0 hijacked; `+conn.LocalAddr().String()+` open for \d+ ms$`, report.Components[0].Detail)
}

func TestAHandlerThatHearsNothingMakesTheServerStuck(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	m, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(started)
			<-release
		})})
		c.Limit = 50 * time.Millisecond
		m.Add(1, c)
	})
	conn := dial(t, m.Addr("http").String())
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-started
	report, err := stop()
	require.Error(t, err)
	require.Equal(t, "stuck", report.Components[0].Outcome)
}

// Websockets that have come and gone must not be kept for the report.
func TestHijackedConnectionsThatWereClosedAreForgotten(t *testing.T) {
	addr, stop := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = c.Close()
		}
	})})
	for range 200 {
		conn := dial(t, addr)
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
		_, err := io.ReadAll(conn)
		require.NoError(t, err)
	}
	_, err := stop()
	require.NoError(t, err)
}

func TestTheResponseWriterIsNetHTTPsOwn(t *testing.T) {
	kinds := make(chan [3]bool, 1)
	addr, stop := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		_, readerFrom := w.(io.ReaderFrom)
		kinds <- [3]bool{flusher, hijacker, readerFrom}
	})})
	begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+addr).body(t)
	require.Equal(t, [3]bool{true, true, true}, <-kinds)
	_, err := stop()
	require.NoError(t, err)
}

func TestServingCostsNoAllocationOfOurs(t *testing.T) {
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	_, stop := serveHTTP(t, srv)
	a, b := net.Pipe()
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	srv.ConnState(a, http.StateNew) // as net/http calls the hooks
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		srv.ConnState(a, http.StateActive)
		srv.Handler.ServeHTTP(w, r)
		srv.ConnState(a, http.StateIdle)
	}))
	srv.ConnState(a, http.StateClosed)
	require.NoError(t, errors.Join(a.Close(), b.Close()))
	_, err := stop()
	require.NoError(t, err)
}

func TestAnUpgradeKeepsItsConnectionHeader(t *testing.T) {
	headers := map[string]string{}
	first, drained, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	addr, stop := serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" { // keeps the stop from going on
			close(first)
			<-graceful.Draining(r.Context())
			close(drained)
			<-over
			return
		}
		headers[r.Header.Get("Upgrade")] = w.Header().Get("Connection")
	})})
	plain, upgrade, slow := dial(t, addr), dial(t, addr), dial(t, addr)
	fmt.Fprint(slow, "GET /slow HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	<-first
	done := make(chan error, 1)
	go func() { // ends with the stop
		_, err := stop()
		done <- err
	}()
	<-drained
	fmt.Fprint(plain, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(plain), nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	fmt.Fprint(upgrade, "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	resp, err = http.ReadResponse(bufio.NewReader(upgrade), nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	close(over)
	require.NoError(t, <-done)
	require.Equal(t, map[string]string{"": "close", "websocket": ""}, headers)
}

func TestAServerThatWasShutDownByOthersIsAFailure(t *testing.T) {
	srv := &http.Server{}
	m := graceful.New(quietly())
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", srv), graceful.Func("meddler", func(ctx context.Context, ready func()) error {
		ready()
		_ = srv.Close()
		<-ctx.Done()
		return nil
	}))
	_, err := m.Run(t.Context())
	require.True(t, errors.Is(err, http.ErrServerClosed), "%v", err)
}

// A connection that never sends anything is closed while others still have
// requests; one whose next request may come is among the last to go.
func TestSilentConnectionsGoFirstAndIdleOnesLast(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	mux := handler()
	mux.HandleFunc("GET /block", func(http.ResponseWriter, *http.Request) {
		close(started)
		<-release
	})
	addr, stop := serveHTTP(t, &http.Server{Handler: mux})
	idle, silent := dial(t, addr), dial(t, addr)
	r := bufio.NewReader(idle)
	_, err := exchange(idle, r, "first", true)
	require.NoError(t, err)
	fmt.Fprint(dial(t, addr), "GET /block HTTP/1.1\r\nHost: test\r\n\r\n")
	<-started
	done := make(chan error, 1)
	go func() { // ends with the stop
		_, err := stop()
		done <- err
	}()
	_, err = silent.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	a, err := exchange(idle, r, "second", true)
	require.NoError(t, err)
	require.False(t, a.again, "it was told to go")
	close(release)
	require.NoError(t, <-done)
}

// What the answers in the stop can't say, because their requests came before
// it, is left to a rest: as long as clients have been seen to need.
func TestAConnectionRestsAsLongAsClientsTakeForTheirNextRequest(t *testing.T) {
	srv := &http.Server{}
	_, stop := serveHTTP(t, srv)
	slow, other := deadlines{set: make(chan time.Time, 10_000)}, deadlines{set: make(chan time.Time, 10_000)}
	for _, c := range []net.Conn{slow, other} {
		srv.ConnContext(t.Context(), c) // as net/http calls the hooks
		srv.ConnState(c, http.StateNew)
		srv.ConnState(c, http.StateActive)
	}
	done := make(chan error, 1)
	go func() { // ends with the stop
		_, err := stop()
		done <- err
	}()
	wait(3 * settle) // until the stop waits for nothing else
	srv.ConnState(slow, http.StateIdle)
	wait(20 * time.Millisecond)
	srv.ConnState(slow, http.StateActive)
	srv.ConnState(slow, http.StateClosed)
	answered := time.Now()
	srv.ConnState(other, http.StateIdle)
	require.True(t, (<-other.set).Before(time.Now()))
	require.GreaterOrEqual(t, time.Since(answered), settle)
	srv.ConnState(other, http.StateClosed)
	require.NoError(t, <-done)
}
