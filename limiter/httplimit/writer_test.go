package httplimit_test

// This file tests the ResponseWriter that a handler sees: that it can do what
// the server's can, and no more.

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/httplimit"
)

// can is what one may ask a ResponseWriter whether it can do.
func can(w http.ResponseWriter) map[string]bool {
	out := map[string]bool{}
	_, out["Flusher"] = w.(http.Flusher)
	_, out["FlushError"] = w.(interface{ FlushError() error })
	_, out["Hijacker"] = w.(http.Hijacker)
	_, out["ReaderFrom"] = w.(io.ReaderFrom)
	_, out["StringWriter"] = w.(io.StringWriter)
	_, out["Pusher"] = w.(http.Pusher)
	_, out["CloseNotifier"] = w.(interface{ CloseNotify() <-chan bool })
	c := http.NewResponseController(w)
	out["deadline"] = c.SetWriteDeadline(time.Time{}) == nil
	out["read deadline"] = c.SetReadDeadline(time.Time{}) == nil
	out["duplex"] = c.EnableFullDuplex() == nil
	return out
}

func TestTheWriterCanDoWhatTheServersCan(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		seen := make(chan map[string]bool, 1)
		look := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { seen <- can(w) })
		limited := httplimit.Shared(&places{size: 1}, none)
		var want map[string]bool
		for _, h := range []http.Handler{look, limited(look), limited(httplimit.Shared(&places{size: 1}, none)(look))} {
			s := server(t, proto, h)
			res, err := s.Client().Get(s.URL)
			require.NoError(t, err)
			res.Body.Close()
			got := <-seen
			if want == nil {
				want = got
				require.Equal(t, proto == 1, want["Hijacker"])
				require.Equal(t, proto == 2, want["Pusher"])
			}
			require.Equal(t, want, got)
		}
	})
}

// The wire is a server's ResponseWriter with some of its abilities.
type (
	bare    struct{ http.ResponseWriter }
	hijacks struct {
		bare
		calls *[]string
	}
	flushes  struct{ hijacks }
	notifies struct{ flushes }
	sends    struct{ flushes }
	hides    struct{ w http.ResponseWriter }
)

var errHijack = errors.New("no")

func (h hijacks) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	*h.calls = append(*h.calls, "Hijack")
	return nil, nil, errHijack
}
func (f flushes) Flush()                    { *f.calls = append(*f.calls, "Flush") }
func (notifies) CloseNotify() <-chan bool   { return nil }
func (h hides) Header() http.Header         { return h.w.Header() }
func (h hides) WriteHeader(code int)        { h.w.WriteHeader(code) }
func (h hides) Write(p []byte) (int, error) { return h.w.Write(p) }
func (h hides) Unwrap() http.ResponseWriter { return h.w }
func (s sends) ReadFrom(io.Reader) (int64, error) {
	*s.calls = append(*s.calls, "ReadFrom")
	return 7, nil
}

func TestTheWriterFlushesOnlyIfTheOneBelowDoes(t *testing.T) {
	var calls []string
	base := hijacks{bare{httptest.NewRecorder()}, &calls}
	for name, c := range map[string]struct {
		w    http.ResponseWriter
		same bool // the handler gets it as it is
		want []string
	}{
		"bare":                  {base.bare, true, nil},
		"hijacks":               {base, false, []string{"Hijacker"}},
		"hijacks and flushes":   {flushes{base}, false, []string{"Hijacker", "Flusher", "FlushError"}},
		"all of it":             {notifies{flushes{base}}, false, []string{"Hijacker", "Flusher", "FlushError", "CloseNotifier"}},
		"hijacks behind others": {hides{hides{flushes{base}}}, false, []string{"Hijacker"}},
		"flushes behind others": {hides{httptest.NewRecorder()}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			served := false
			httplimit.Shared(&places{size: 1}, none)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				served = true
				require.Equal(t, c.same, w == c.w)
				got := can(w)
				for _, ability := range []string{"Hijacker", "Flusher", "FlushError", "CloseNotifier"} {
					require.Equal(t, strings.Contains(strings.Join(c.want, " ")+" ", ability+" "), got[ability], ability)
				}
			})).ServeHTTP(c.w, httptest.NewRequest(http.MethodGet, "/", nil))
			require.True(t, served)
		})
	}
}

func TestTheWriterLeavesTheWorkToTheOneBelow(t *testing.T) {
	var calls []string
	record := httptest.NewRecorder()
	room := &places{size: 1}
	serve := func(w http.ResponseWriter, f http.HandlerFunc) {
		httplimit.Shared(room, none)(f).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	}
	serve(sends{flushes{hijacks{bare{record}, &calls}}}, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		require.NoError(t, http.NewResponseController(w).Flush())
		n, err := io.Copy(w, io.LimitReader(strings.NewReader("abc"), 3))
		require.NoError(t, err)
		require.Equal(t, int64(7), n)
		_, _, err = w.(http.Hijacker).Hijack()
		require.Equal(t, errHijack, err)
	})
	require.Equal(t, []string{"Flush", "Flush", "ReadFrom", "Hijack"}, calls)
	room.empties(t, 1) // the hijacking failed

	serve(hijacks{bare{record}, &calls}, func(w http.ResponseWriter, _ *http.Request) {
		n, err := io.Copy(w, io.LimitReader(strings.NewReader("abc"), 3))
		require.NoError(t, err)
		require.Equal(t, int64(3), n)
		_, err = io.WriteString(w, "def")
		require.NoError(t, err)
	})
	require.Equal(t, "abcdef", record.Body.String())
	serve(hides{flushes{hijacks{bare{record}, &calls}}}, func(w http.ResponseWriter, _ *http.Request) {
		require.NoError(t, http.NewResponseController(w).Flush())
	})
	require.Equal(t, "Flush", calls[len(calls)-1])
}

// A middleware on top of HTTP/2 whose type could hijack keeps what it can do.
func TestARequestThatIsNotHTTP1GetsTheWriterAsItIs(t *testing.T) {
	var calls []string
	w := flushes{hijacks{bare{httptest.NewRecorder()}, &calls}}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.ProtoMajor = 2
	httplimit.Shared(&places{size: 1}, none)(http.HandlerFunc(func(got http.ResponseWriter, _ *http.Request) {
		require.True(t, got == http.ResponseWriter(w))
	})).ServeHTTP(w, r)
}

func TestAFileIsSentWhole(t *testing.T) {
	path := t.TempDir() + "/file"
	content := strings.Repeat("0123456789", 100_000)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	both(t, func(t *testing.T, proto int) {
		room := &places{size: 1}
		s := server(t, proto, httplimit.Shared(room, none)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, path)
		})))
		res, err := s.Client().Get(s.URL)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, content, string(body))
		require.Equal(t, int64(len(content)), res.ContentLength)
		room.empties(t, 1)
	})
}
