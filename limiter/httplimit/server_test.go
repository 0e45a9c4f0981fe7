package httplimit_test

// This file tests with real servers how long a permit is held: until the last
// byte, whatever becomes of the handler, and released once.

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/httplimit"
)

func get(t *testing.T, s *httptest.Server) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	require.NoError(t, err)
	res, err := s.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// Pitfall 23: a stream keeps its permit.
func TestAStreamKeepsItsPermitUntilItsHandlerReturns(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		room := &places{size: 1}
		more, end := make(chan struct{}), make(chan struct{})
		s := server(t, proto, httplimit.Shared(room, none)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for range 3 {
				fmt.Fprint(w, "data: x\n\n")
				w.(http.Flusher).Flush()
				<-more
			}
			pr, pw := io.Pipe()
			go func() { // ends with the copy
				_, _ = io.WriteString(pw, "the rest\n")
				<-end
				pw.Close()
			}()
			_, _ = io.Copy(w, pr)
		})))
		res := get(t, s)
		require.Equal(t, 200, res.StatusCode)
		lines := bufio.NewReader(res.Body)
		for range 3 {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "data: x\n", line)
			_, err = lines.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, 503, get(t, s).StatusCode)
			held, _, released := room.counts()
			require.Equal(t, []int64{1, 0}, []int64{held, int64(released)})
			more <- struct{}{}
		}
		require.Equal(t, 503, get(t, s).StatusCode)
		close(end)
		rest, err := io.ReadAll(lines)
		require.NoError(t, err)
		require.Equal(t, "the rest\n", string(rest))
		room.empties(t, 1)
	})
}

// Pitfall 23: a panicking handler gives its permit back, once, and its panic
// goes on.
func TestAHandlerThatPanicsGivesItsPermitBack(t *testing.T) {
	room := &places{size: 1}
	for _, value := range []any{"planted", http.ErrAbortHandler} {
		h := httplimit.Shared(room, none)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic(value)
		}))
		require.PanicsWithValue(t, value, func() { ask(h, "/") })
		both(t, func(t *testing.T, proto int) {
			s := server(t, proto, h)
			_, err := s.Client().Get(s.URL)
			if err == nil {
				t.Log("the header got through")
			}
		})
	}
	room.empties(t, 6)
	done := make(chan struct{})
	go func() { // ends by Goexit
		defer close(done)
		ask(httplimit.Shared(room, none)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })), "/")
	}()
	<-done
	room.empties(t, 7)
}

func TestAClientThatGoesAwayDuringAStreamIsNoticedByTheHandlerAndThePermitComesBack(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		room := &places{size: 1}
		s := server(t, proto, httplimit.Shared(room, none)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})))
		res := get(t, s)
		held, _, _ := room.counts()
		require.Equal(t, int64(1), held)
		res.Body.Close()
		room.empties(t, 1)
	})
}

// hijacked sends a request to s whose handler hijacks, and returns the client's
// end after the answer's first line.
func hijacked(t *testing.T, s *httptest.Server) (net.Conn, *bufio.Reader) {
	t.Helper()
	var c net.Conn
	var err error
	if addr := s.Listener.Addr().String(); strings.HasPrefix(s.URL, "https") {
		c, err = tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	} else {
		c, err = net.Dial("tcp", addr)
	}
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	read := bufio.NewReader(c)
	line, err := read.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "hello\n", line)
	return c, read
}

// Pitfall 23: a hijacked connection outlives its handler and keeps its permit.
func TestAHijackedConnectionKeepsItsPermitUntilItIsClosed(t *testing.T) {
	for _, secure := range []bool{false, true} {
		room, outer := &places{size: 1}, &places{size: 1}
		conns, returned := make(chan net.Conn, 1), make(chan struct{})
		h := httplimit.Shared(outer, none)(httplimit.Shared(room, none)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _, again := w.(http.Hijacker).Hijack()
			if again == nil {
				panic("hijacked twice")
			}
			_, _ = rw.WriteString("hello\n")
			_ = rw.Flush()
			conns <- c
		})))
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(returned)
			h.ServeHTTP(w, r)
		}))
		if secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		defer s.Close()
		_, read := hijacked(t, s)
		c := <-conns
		<-returned
		for _, p := range []*places{outer, room} {
			held, granted, released := p.counts()
			require.Equal(t, []int{1, 1, 0}, []int{int(held), granted, released}, "the handler has returned")
		}
		require.Equal(t, 503, ask(httplimit.Shared(room, none)(ok), "/").Code)

		// It is a connection like the one below.
		n, err := io.Copy(c, strings.NewReader("copied\n"))
		require.NoError(t, err)
		require.Equal(t, int64(7), n)
		line, err := read.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "copied\n", line)
		below := c
		for {
			over, is := below.(interface{ NetConn() net.Conn })
			if !is {
				break
			}
			below = over.NetConn()
			if _, is := below.(*tls.Conn); is {
				break
			}
		}
		if secure {
			require.IsType(t, &tls.Conn{}, below)
		} else {
			require.IsType(t, &net.TCPConn{}, below)
		}
		require.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
		_, err = read.ReadByte()
		require.Equal(t, io.EOF, err)
		held, _, _ := room.counts()
		require.Equal(t, int64(1), held, "half of it is open")

		require.NoError(t, c.Close())
		require.Error(t, c.Close())
		room.empties(t, 1)
		outer.empties(t, 1)
	}
}

func TestAHijackedConnectionCanBeReadIntoAWriter(t *testing.T) {
	room := &places{size: 1}
	got := make(chan string, 1)
	s := server(t, 1, httplimit.Shared(room, none)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer c.Close()
		_, _ = rw.WriteString("hello\n")
		_ = rw.Flush()
		var text strings.Builder
		_, _ = io.Copy(&text, c)
		got <- text.String()
	})))
	c, _ := hijacked(t, s)
	_, err := io.WriteString(c, "said")
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	require.Equal(t, "said", <-got)
	room.empties(t, 1)
}

// pipe is a server's ResponseWriter whose connection is one end of a net.Pipe,
// which can't be closed by halves.
type pipe struct {
	*httptest.ResponseRecorder
	c net.Conn
}

func (p pipe) Hijack() (net.Conn, *bufio.ReadWriter, error) { return p.c, nil, nil }

func TestAConnectionThatCannotBeHalfClosedIsNotOneThatCan(t *testing.T) {
	a, b := net.Pipe()
	room := &places{size: 1}
	httplimit.Shared(room, none)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		require.NoError(t, err)
		_, half := c.(interface{ CloseWrite() error })
		require.False(t, half)
		go func() { // ends with the two copies
			_, _ = io.WriteString(b, "there")
			b.Close()
		}()
		var text strings.Builder
		_, err = io.Copy(&text, c)
		require.NoError(t, err)
		require.Equal(t, "there", text.String())
		_, err = io.Copy(c, strings.NewReader("x"))
		require.Error(t, err)
		require.NoError(t, c.Close())
	})).ServeHTTP(pipe{httptest.NewRecorder(), a}, httptest.NewRequest(http.MethodGet, "/", nil))
	room.empties(t, 1)
}

// Nobody may be left to close the connection.
func TestAHandlerThatPanicsAfterHijackingGivesItsPermitBack(t *testing.T) {
	room := &places{size: 1}
	s := server(t, 1, httplimit.Shared(room, none)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = rw.WriteString("hello\n")
		_ = rw.Flush()
		defer c.(interface{ NetConn() net.Conn }).NetConn().Close() // so that the test leaves none
		panic(http.ErrAbortHandler)
	})))
	hijacked(t, s)
	room.empties(t, 1)
}

// What the handler did happens before whoever gets its permit; the race detector
// judges.
func TestManyRequestsNeverExceedTheLimitAndAllGoBack(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		room := &places{size: 4}
		var mu sync.Mutex
		inside, most := 0, 0
		s := server(t, proto, httplimit.Shared(room, httplimit.Options{Wait: time.Minute})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
			inside--
			mu.Unlock()
			_, _ = io.WriteString(w, "ok")
		})))
		codes := make(chan int, 200)
		var clients sync.WaitGroup
		for range 20 {
			clients.Go(func() {
				for range 10 {
					res, err := s.Client().Get(s.URL)
					if err != nil {
						codes <- -1
						continue
					}
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
					codes <- res.StatusCode
				}
			})
		}
		clients.Wait()
		close(codes)
		for code := range codes {
			require.Equal(t, 200, code)
		}
		room.empties(t, 200)
		require.LessOrEqual(t, most, 4)
	})
}
