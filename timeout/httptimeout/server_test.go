package httptimeout_test

// This file holds the tests with a real server and a real client, over HTTP/1
// and HTTP/2. What has to happen is waited for; how long that takes is not
// asserted, only that it is not for ever.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout/httptimeout"
)

const soon = 20 * time.Millisecond

// never is a limit that no test here reaches.
const never = time.Minute

// server serves h until the test ends, by HTTP/1 or HTTP/2.
func server(t *testing.T, proto int, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if proto == 2 {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// both runs a test with either protocol.
func both(t *testing.T, test func(t *testing.T, proto int)) {
	for name, proto := range map[string]int{"HTTP/1": 1, "HTTP/2": 2} {
		t.Run(name, func(t *testing.T) { test(t, proto) })
	}
}

// ask sends a request that is given up after a minute.
func ask(t *testing.T, s *httptest.Server, method string, body io.Reader) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), never)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, s.URL+"/items/7", body)
	require.NoError(t, err)
	res, err := s.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// stuck is a handler that is stuck until the test lets it go.
type stuck struct {
	release, ended chan struct{}
	late           error // of its write, to be read once it has ended
}

// stick makes a stuck handler and the function that lets it go.
func stick() (h *stuck, letGo func()) {
	h = &stuck{release: make(chan struct{}), ended: make(chan struct{})}
	return h, sync.OnceFunc(func() { close(h.release) })
}

func (s *stuck) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	defer close(s.ended)
	<-s.release
	_, s.late = w.Write([]byte("late"))
}

func TestTheClientHasIts503WhileTheHandlerStillRuns(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		h, letGo := stick()
		s := server(t, proto, httptimeout.New(h, soon, quiet))
		t.Cleanup(letGo) // before the server is closed

		res := ask(t, s, http.MethodGet, nil)
		require.Equal(t, proto, res.ProtoMajor)
		require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
		require.Equal(t, int64(len(outOfTime)), res.ContentLength)
		body := make([]byte, res.ContentLength)
		_, err := io.ReadFull(res.Body, body)
		require.NoError(t, err)
		require.Equal(t, outOfTime, string(body))
		if proto == 1 { // and the client knows that this is all; over HTTP/2 the stream is open
			require.True(t, res.Close)
			n, err := res.Body.Read(body)
			require.Zero(t, n)
			require.Equal(t, io.EOF, err)
		}
		select {
		case <-h.ended:
			require.Fail(t, "the handler has ended")
		default:
		}

		letGo()
		<-h.ended
		require.Equal(t, http.ErrHandlerTimeout, h.late)
		rest, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Empty(t, rest, "something of the handler's was sent")
	})
}

// The client closes the connection as soon as it has its answer, and for that the
// server cancels the request.
func TestAClientThatHasItsAnswerAndGoesIsNotTheCause(t *testing.T) {
	var causes sync.Map
	s := server(t, 1, httptimeout.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		causes.Store(r.URL.RawQuery, context.Cause(r.Context()))
	}), soon, quiet))
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for j := range 5 {
				res, err := s.Client().Get(fmt.Sprintf("%s?%d-%d", s.URL, i, j))
				if err == nil {
					_, _ = io.ReadAll(res.Body)
					res.Body.Close()
				}
			}
		})
	}
	clients.Wait()
	s.Close() // the handlers have ended
	ended := 0
	causes.Range(func(_, cause any) bool {
		var limit *ctxutil.TimeoutError
		require.ErrorAs(t, cause.(error), &limit)
		ended++
		return true
	})
	require.Equal(t, 40, ended)
}

// With the connection kept, the next request would wait behind the handler.
func TestTheNextRequestDoesNotWaitForAHandlerThatIsStuck(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		h, letGo := stick()
		var first atomic.Bool
		s := server(t, proto, httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if first.CompareAndSwap(false, true) {
				h.ServeHTTP(w, r)
			}
		}), soon*10, quiet))
		t.Cleanup(letGo)
		res := ask(t, s, http.MethodGet, nil)
		require.Equal(t, 503, res.StatusCode)
		_, err := io.CopyN(io.Discard, res.Body, res.ContentLength)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 200, ask(t, s, http.MethodGet, nil).StatusCode)
	})
}

// A handler that waits for a body that doesn't come holds the lock of the body;
// a server that first reads the rest of it would wait for that.
func TestAHandlerThatIsStuckInTheBodyDoesNotHoldUpTheAnswer(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		for _, expect := range []string{"", "100-continue"} {
			read := make(chan error, 1)
			s := server(t, proto, httptimeout.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				read <- err
			}), soon, quiet))
			body, feed := io.Pipe()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, body)
			require.NoError(t, err)
			if expect != "" {
				r.Header.Set("Expect", expect)
			}
			go func() { _, _ = feed.Write([]byte("a beginning")) }() // ends when it is read, or the pipe is closed
			res, err := s.Client().Do(r)
			require.NoError(t, err)
			require.Equal(t, 503, res.StatusCode)
			_, err = io.CopyN(io.Discard, res.Body, res.ContentLength)
			require.NoError(t, err)
			feed.CloseWithError(io.ErrUnexpectedEOF)
			res.Body.Close()
			<-read
		}
	})
}

func TestAStreamThatHasBegunGoesOnPastTheDeadline(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		s := server(t, proto, httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := http.NewResponseController(w)
			_, _ = io.WriteString(w, "one\n")
			_ = c.Flush()
			<-r.Context().Done()
			_, _ = io.WriteString(w, "two\n")
			_ = c.Flush()
			_, _ = io.WriteString(w, "three\n")
		}), soon, quiet))
		res := ask(t, s, http.MethodGet, nil)
		require.Equal(t, 200, res.StatusCode)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, "one\ntwo\nthree\n", string(body))
	})
}

func TestTrailersAreTheHandlersOwnHeader(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		s := server(t, proto, httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header() // kept, as many handlers do
			h.Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "body")
			h.Set("X-Sum", "42")
			h.Set(http.TrailerPrefix+"X-Other", "43")
		}), never, quiet))
		res := ask(t, s, http.MethodGet, nil)
		_, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, http.Header{"X-Sum": {"42"}, "X-Other": {"43"}}, res.Trailer)
	})
}

func TestAHeadRequestIsAnsweredToo(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		h, letGo := stick()
		s := server(t, proto, httptimeout.New(h, soon, quiet))
		t.Cleanup(letGo)
		res := ask(t, s, http.MethodHead, nil)
		require.Equal(t, 503, res.StatusCode)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Empty(t, body)
	})
}

func TestAnAbortedHandlerEndsItsConnectionBeforeAndAfterTheDeadline(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		for _, late := range []bool{false, true} {
			limit := never
			if late {
				limit = soon
			}
			answered := make(chan struct{})
			s := server(t, proto, httptimeout.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if late {
					<-answered
				}
				panic(http.ErrAbortHandler)
			}), limit, quiet))
			res, err := s.Client().Get(s.URL)
			close(answered)
			if !late {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, 503, res.StatusCode)
			body := make([]byte, res.ContentLength)
			_, err = io.ReadFull(res.Body, body)
			require.NoError(t, err)
			require.Equal(t, outOfTime, string(body))
			res.Body.Close()
		}
	})
}

func TestAHijackedConnectionIsTheHandlersPastTheDeadline(t *testing.T) {
	s := server(t, 1, httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		<-r.Context().Done()
		_, _ = rw.WriteString("mine\n")
		_ = rw.Flush()
	}), soon, quiet))
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(never)))
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "mine\n", string(all))
}

func TestInformationalHeadersReachTheClient(t *testing.T) {
	s := server(t, 1, httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		<-r.Context().Done()
	}), soon, quiet))
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(never)))
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	all, err := io.ReadAll(bufio.NewReader(conn))
	require.NoError(t, err)
	hints, answer, found := strings.Cut(string(all), "\r\n\r\n")
	require.True(t, found)
	require.Equal(t, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>", hints)
	require.True(t, strings.HasPrefix(answer, "HTTP/1.1 503 "), answer)
	require.NotContains(t, answer, "Link")
	require.True(t, strings.HasSuffix(answer, outOfTime), answer)
}

// The race detector judges here, and that every response is one or the other.
func TestHandlersThatWriteAcrossTheDeadlineRaceWithNothing(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		s := server(t, proto, httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := 0; r.Context().Err() == nil; i++ {
				w.Header().Set("X-Turn", "on") // before, during and after
				if r.URL.RawQuery == "inform" {
					w.WriteHeader(http.StatusProcessing)
					time.Sleep(soon / 50)
				}
			}
			for range 50 {
				w.Header().Add("X-Turn", "late")
				if _, err := w.Write(bytes.Repeat([]byte("late"), 100)); err != http.ErrHandlerTimeout {
					panic(err)
				}
				_ = http.NewResponseController(w).Flush()
			}
		}), soon, quiet))
		writer := server(t, proto, httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(soon - time.Millisecond)
			for range 50 { // some before, some after
				_, err := w.Write([]byte("0123456789"))
				if err != nil {
					break
				}
			}
		}), soon, quiet))
		var clients sync.WaitGroup
		bodies := make(chan string, 200)
		for range 8 {
			clients.Go(func() {
				for range 3 {
					for _, url := range []string{s.URL, s.URL + "?inform", writer.URL} {
						client := s.Client()
						if url == writer.URL {
							client = writer.Client()
						}
						res, err := client.Get(url)
						if err != nil {
							bodies <- err.Error()
							continue
						}
						body, err := io.ReadAll(res.Body)
						res.Body.Close()
						if err != nil {
							bodies <- err.Error()
							continue
						}
						bodies <- string(body)
					}
				}
			})
		}
		clients.Wait()
		close(bodies)
		for body := range bodies {
			if body != strings.Repeat("0123456789", 50) {
				require.Equal(t, outOfTime, body)
			}
		}
	})
}
