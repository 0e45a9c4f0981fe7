package httptimeout_test

// This file holds the tests of the handler's ResponseWriter, with a writer for
// the server's that says what was done to it, and takes its time.

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
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout/httptimeout"
)

// wire is a server's ResponseWriter in which each call can take time. It is not
// safe for concurrent use, which the race detector is to notice.
type wire struct {
	*served
	takes time.Duration // of an informational header, a hijacking, or a setting
	calls []string
	err   error // of a hijacking
	from  io.Reader
}

func newWire() *wire { return &wire{served: newServed()} }

func (w *wire) did(call string) { w.calls = append(w.calls, call) }

func (w *wire) WriteHeader(code int) {
	if code < 200 {
		time.Sleep(w.takes)
	}
	w.did(http.StatusText(code))
	if code >= 200 {
		w.served.WriteHeader(code)
	}
}

func (w *wire) ReadFrom(src io.Reader) (int64, error) {
	w.did("ReadFrom")
	w.from = src
	return io.Copy(struct{ io.Writer }{w.ResponseRecorder}, src)
}

func (w *wire) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	time.Sleep(w.takes)
	w.did("Hijack")
	return nil, nil, w.err
}

func (w *wire) SetReadDeadline(time.Time) error  { time.Sleep(w.takes); w.did("read"); return nil }
func (w *wire) SetWriteDeadline(time.Time) error { time.Sleep(w.takes); w.did("write"); return nil }
func (w *wire) EnableFullDuplex() error          { time.Sleep(w.takes); w.did("duplex"); return nil }

// through serves one request by f, with a limit of a second, and returns when f
// has ended.
func through(w http.ResponseWriter, f func(w http.ResponseWriter, c *http.ResponseController)) {
	httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f(w, http.NewResponseController(w))
	}), time.Second, quiet).ServeHTTP(w, get())
}

func TestTheControlsReachTheServersWriter(t *testing.T) {
	for _, begin := range []bool{false, true} {
		w := newWire()
		through(w, func(h http.ResponseWriter, c *http.ResponseController) {
			if begin {
				h.WriteHeader(204)
			}
			require.NoError(t, c.SetReadDeadline(time.Time{}))
			require.NoError(t, c.SetWriteDeadline(time.Time{}))
			require.NoError(t, c.EnableFullDuplex())
			require.NoError(t, c.Flush())
			_, _, err := c.Hijack()
			require.NoError(t, err)
		})
		want := []string{"read", "write", "duplex", "Hijack"}
		if begin {
			want = append([]string{"No Content"}, want...)
		}
		require.Equal(t, want, w.calls)
		require.True(t, w.Flushed)
	}
}

// bare is a ResponseWriter that can do no more than the interface says.
type bare struct{ http.ResponseWriter }

func TestWhatTheServersWriterCannotDoIsSaid(t *testing.T) {
	w := httptest.NewRecorder()
	through(bare{w}, func(h http.ResponseWriter, c *http.ResponseController) {
		require.ErrorIs(t, c.SetReadDeadline(time.Time{}), http.ErrNotSupported)
		require.ErrorIs(t, c.SetWriteDeadline(time.Time{}), http.ErrNotSupported)
		require.ErrorIs(t, c.EnableFullDuplex(), http.ErrNotSupported)
		_, _, err := c.Hijack()
		require.ErrorIs(t, err, http.ErrNotSupported)
		require.ErrorIs(t, c.Flush(), http.ErrNotSupported)
		n, err := io.Copy(h, strings.NewReader(strings.Repeat("x", 5000)))
		require.Equal(t, int64(5000), n)
		require.NoError(t, err)
	})
	require.Equal(t, 5000, w.Body.Len())
}

func TestInformationalHeadersAreSentAsTheyCome(t *testing.T) {
	w := newWire()
	through(w, func(h http.ResponseWriter, _ *http.ResponseController) {
		h.Header().Set("Link", "</style.css>")
		h.WriteHeader(http.StatusEarlyHints)
		require.Equal(t, "</style.css>", w.Header().Get("Link"), "the 103 went out without it")
		h.WriteHeader(http.StatusProcessing)
		h.WriteHeader(http.StatusTeapot)
	})
	require.Equal(t, []string{"Early Hints", "Processing", "I'm a teapot"}, w.calls)
}

func TestTheAnswerAfterAnInformationalHeaderHasNothingOfTheHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		h := httptimeout.New(http.HandlerFunc(func(h http.ResponseWriter, _ *http.Request) {
			h.Header().Del("X-Outer")
			h.Header().Set("Link", "</style.css>")
			h.WriteHeader(http.StatusEarlyHints)
			h.WriteHeader(http.StatusEarlyHints)
			time.Sleep(time.Minute)
		}), time.Second, quiet)
		around(h).ServeHTTP(w, get())
		require.Equal(t, []string{"Early Hints", "Early Hints", "Service Unavailable"}, w.calls)
		require.Equal(t, "1", w.Result().Header.Get("X-Outer"))
		require.Empty(t, w.Result().Header.Get("Link"))
	})
}

// The deadline waits for the writer without the lock, and is made up for.
func TestADeadlineDuringALoanIsMadeUpForAtItsEnd(t *testing.T) {
	for name, lend := range map[string]func(h http.ResponseWriter, c *http.ResponseController){
		"an informational header": func(h http.ResponseWriter, _ *http.ResponseController) { h.WriteHeader(103) },
		"a read deadline":         func(_ http.ResponseWriter, c *http.ResponseController) { _ = c.SetReadDeadline(time.Time{}) },
		"a write deadline":        func(_ http.ResponseWriter, c *http.ResponseController) { _ = c.SetWriteDeadline(time.Time{}) },
		"full duplex":             func(_ http.ResponseWriter, c *http.ResponseController) { _ = c.EnableFullDuplex() },
		"a hijacking that fails":  func(_ http.ResponseWriter, c *http.ResponseController) { _, _, _ = c.Hijack() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire()
				w.takes, w.err = 10*time.Second, errors.New("no")
				s := w.served
				go func() { // ends with the request
					defer close(s.done)
					through(w, func(h http.ResponseWriter, c *http.ResponseController) {
						lend(h, c)
						time.Sleep(time.Hour)
						_, err := h.Write([]byte("late"))
						require.True(t, err == http.ErrHandlerTimeout)
					})
				}()
				s.at(5 * time.Second)
				s.silent(t)
				s.at(10 * time.Second)
				s.refused(t)
				<-s.done
			})
		})
	}
}

func TestAConnectionThatWasHijackedIsTheHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		w.takes = 10 * time.Second // the deadline comes meanwhile
		through(w, func(_ http.ResponseWriter, c *http.ResponseController) {
			_, _, err := c.Hijack()
			require.NoError(t, err)
			time.Sleep(time.Hour)
		})
		require.Equal(t, []string{"Hijack"}, w.calls)
		require.False(t, w.Flushed)
	})
}

func TestAFileIsLeftToTheServersWriter(t *testing.T) {
	path := t.TempDir() + "/file"
	content := strings.Repeat("0123456789", 1000)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	w := newWire()
	through(w, func(h http.ResponseWriter, _ *http.ResponseController) {
		n, err := h.(io.ReaderFrom).ReadFrom(file)
		require.Equal(t, int64(len(content)), n)
		require.NoError(t, err)
	})
	require.Equal(t, content, w.Body.String())
	require.True(t, w.from == io.Reader(file), "the server can't send the file without reading it")

	w = newWire() // as http.ServeContent does
	_, err = file.Seek(0, io.SeekStart)
	require.NoError(t, err)
	through(w, func(h http.ResponseWriter, _ *http.ResponseController) {
		_, err := io.CopyN(h, file, 9000)
		require.NoError(t, err)
	})
	require.Equal(t, content[:9000], w.Body.String())
	require.IsType(t, new(io.LimitedReader), w.from)
}

// slowly is a reader that takes a minute for its first byte.
type slowly struct{ io.Reader }

func (s slowly) Read(p []byte) (int, error) { time.Sleep(time.Minute); return s.Reader.Read(p) }

func TestASourceThatGivesNothingDoesNotBeginAResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		through(w, func(h http.ResponseWriter, _ *http.ResponseController) {
			_, err := io.Copy(h, slowly{strings.NewReader("late")})
			require.True(t, err == http.ErrHandlerTimeout)
		})
		w.refused(t)
	})
}

func TestASourceThatFailsAtOnceBeginsNothingEither(t *testing.T) {
	broken := errors.New("broken")
	w := newWire()
	through(w, func(h http.ResponseWriter, _ *http.ResponseController) {
		n, err := io.Copy(h, io.MultiReader(failing{broken}))
		require.Zero(t, n)
		require.True(t, err == broken)
		http.Error(h, "no", http.StatusBadGateway)
	})
	require.Equal(t, http.StatusBadGateway, w.Code)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAWriteAfterTheEndFailsAndTouchesNothing(t *testing.T) {
	w := newWire()
	var left http.ResponseWriter
	through(w, func(h http.ResponseWriter, _ *http.ResponseController) { left = h; h.WriteHeader(204) })
	_, err := left.Write([]byte("x"))
	require.EqualError(t, err, "httptimeout: the handler has returned")
	require.Error(t, http.NewResponseController(left).SetReadDeadline(time.Time{}))
	left.WriteHeader(500)
	require.Equal(t, []string{"No Content"}, w.calls)
}

func TestAServersWriterThatPanicsLeavesTheStateWhole(t *testing.T) {
	for _, code := range []int{103, 200} {
		synctest.Test(t, func(t *testing.T) {
			w := &panicking{httptest.NewRecorder(), code}
			require.PanicsWithValue(t, "planted", func() {
				through(w, func(h http.ResponseWriter, _ *http.ResponseController) { h.WriteHeader(code) })
			})
			time.Sleep(time.Hour)
			require.False(t, w.Flushed)
		})
	}
}

// panicking is a ResponseWriter of middleware that doesn't like a code.
type panicking struct {
	*httptest.ResponseRecorder
	code int
}

func (w *panicking) WriteHeader(code int) {
	if code == w.code {
		panic("planted")
	}
	w.ResponseRecorder.WriteHeader(code)
}
