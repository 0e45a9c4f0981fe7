package httptimeout_test

// This file holds the tests of what a Handler decides, in bubbles and with a
// recorder for the client.

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/internal/leaktest"
	"github.com/belay-go/belay/timeout/httptimeout"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const outOfTime = "Service Unavailable: the request ran out of time\n"

// served is a request that is being served. Its recorder has no lock, so that
// the race detector sees two who write at once; until the request is done a test
// looks at what was sent by the last flush, and at nothing else.
type served struct {
	*httptest.ResponseRecorder
	sent  atomic.Pointer[http.Response] // its body is text
	text  atomic.Pointer[string]
	began time.Time
	done  chan struct{} // closed when ServeHTTP has returned
}

func newServed() *served {
	return &served{ResponseRecorder: httptest.NewRecorder(), began: time.Now(), done: make(chan struct{})}
}

func (s *served) Flush() {
	s.ResponseRecorder.Flush()
	text := s.Body.String()
	s.text.Store(&text)
	s.sent.Store(s.Result())
}

// serve lets h serve r on a goroutine of its own, which ends with it.
func serve(h http.Handler, r *http.Request) *served {
	s := newServed()
	go func() {
		defer close(s.done)
		h.ServeHTTP(s, r)
	}()
	return s
}

// at waits until d after the beginning, and until nobody can run.
func (s *served) at(d time.Duration) {
	time.Sleep(d - time.Since(s.began))
	synctest.Wait()
}

func (s *served) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// refused holds what was sent against the 503.
func (s *served) refused(t *testing.T) {
	t.Helper()
	res := s.sent.Load()
	require.NotNil(t, res, "it waits in a buffer for the end of the handler")
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Equal(t, outOfTime, *s.text.Load())
	require.Equal(t, int64(len(outOfTime)), res.ContentLength)
	require.Equal(t, "text/plain; charset=utf-8", res.Header.Get("Content-Type"))
	require.Equal(t, "close", res.Header.Get("Connection"))
}

func (s *served) silent(t *testing.T) {
	t.Helper()
	require.Nil(t, s.sent.Load())
}

func get() *http.Request { return httptest.NewRequest(http.MethodGet, "/items/7", nil) }

// quiet reports nobody.
var quiet = httptimeout.Options{Patience: -1}

func TestAnAnswerInTimeIsTheHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			w.Header().Set("X-Ours", "1")
			w.WriteHeader(http.StatusTeapot)
			n, err := w.Write([]byte("tea, "))
			require.Equal(t, 5, n)
			require.NoError(t, err)
			_, err = io.WriteString(w, "please")
			require.NoError(t, err)
		}), time.Minute, httptimeout.Options{})
		s := serve(h, get())
		s.at(time.Hour)
		require.True(t, s.over())
		require.Equal(t, http.StatusTeapot, s.Code)
		require.Equal(t, "tea, please", s.Body.String())
		require.Equal(t, http.Header{"X-Ours": {"1"}}, s.Result().Header)
		s.silent(t)
	})
}

func TestAHandlerThatWritesNothingLeavesTheHeaderToTheServer(t *testing.T) {
	h := httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Ours", "1")
	}), time.Minute, httptimeout.Options{})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, get())
	require.Equal(t, http.StatusOK, w.Result().StatusCode)
	require.Equal(t, "1", w.Header().Get("X-Ours"))
}

func TestAtTheDeadlineTheClientHasItsAnswerWhileTheHandlerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }), 2*time.Second, quiet)
		s := serve(h, get())
		s.at(2*time.Second - 1)
		s.silent(t)
		s.at(2 * time.Second)
		s.refused(t)
		require.False(t, s.over(), "ServeHTTP has returned before its handler")
		s.at(time.Hour)
		require.True(t, s.over())
		s.refused(t)
	})
}

func TestAfterTheDeadlineNothingOfTheHandlersIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tried := 0
		h := httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Ours", "1")
			time.Sleep(time.Minute)
			w.Header().Set("X-Ours", "2")
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusEarlyHints)
			w.(http.Flusher).Flush()
			c := http.NewResponseController(w)
			for _, try := range []func() error{
				func() error { _, err := w.Write([]byte("tea")); return err },
				func() error { _, err := io.WriteString(w, "tea"); return err },
				func() error { _, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("tea")); return err },
				func() error { _, err := io.Copy(w, bytes.NewReader(make([]byte, 1<<20))); return err },
				c.Flush,
				func() error { _, _, err := c.Hijack(); return err },
				func() error { return c.SetReadDeadline(time.Time{}) },
				func() error { return c.SetWriteDeadline(time.Time{}) },
				c.EnableFullDuplex,
			} {
				require.True(t, try() == http.ErrHandlerTimeout)
				tried++
			}
		}), time.Second, quiet)
		s := serve(h, get())
		s.at(time.Hour)
		require.Equal(t, 9, tried)
		s.refused(t)
		require.Empty(t, s.Result().Header.Get("X-Ours"))
	})
}

func TestAResponseThatHasBegunIsLeftToTheHandler(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter){
		"a header": func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
		"a write":  func(w http.ResponseWriter) { _, _ = w.Write(nil) },
		"a flush":  func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		"a switch": func(w http.ResponseWriter) { w.WriteHeader(http.StatusSwitchingProtocols) },
		"a copy":   func(w http.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					begin(w)
					<-r.Context().Done()
					time.Sleep(time.Minute)
					_, err := io.WriteString(w, "the end")
					require.False(t, err == http.ErrHandlerTimeout)
				}), time.Second, quiet)
				s := serve(h, get())
				<-s.done
				require.NotContains(t, s.Body.String(), outOfTime)
				require.NotEqual(t, http.StatusServiceUnavailable, s.Code)
				if s.Code == http.StatusOK {
					require.True(t, strings.HasSuffix(s.Body.String(), "the end"))
				}
			})
		})
	}
}

// The handler and the timer are woken at the same moment, in no order.
func TestWhoComesAtTheDeadlineIsLateWhoeverComesFirst(t *testing.T) {
	for name, f := range map[string]http.HandlerFunc{
		"returns when done":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"answers when done":  func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); http.Error(w, "mine", 504) },
		"flushes when done":  func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); w.(http.Flusher).Flush() },
		"informs when done":  func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done(); w.WriteHeader(103) },
		"returns as it does": func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) },
		"answers as it does": func(w http.ResponseWriter, _ *http.Request) { time.Sleep(time.Second); http.Error(w, "mine", 504) },
	} {
		for range 200 {
			synctest.Test(t, func(t *testing.T) {
				s := serve(httptimeout.New(f, time.Second, quiet), get())
				s.at(time.Second)
				require.True(t, s.over(), name)
				s.refused(t)
			})
		}
	}
}

func TestACancelledRequestIsTheHandlersUntilItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			require.Equal(t, context.Canceled, r.Context().Err())
			w.WriteHeader(http.StatusTeapot)
		}), time.Minute, httptimeout.Options{})
		s := serve(h, get().WithContext(ctx))
		s.at(time.Second)
		cancel()
		synctest.Wait()
		require.True(t, s.over())
		require.Equal(t, http.StatusTeapot, s.Code)

		stubborn := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }), time.Minute, quiet)
		s = serve(stubborn, get().WithContext(ctx))
		s.at(time.Minute - 1)
		s.silent(t)
		s.at(time.Minute)
		s.refused(t)
		<-s.done
	})
}

// All three orders of the request's own deadline, the handler's limit and a
// cancel: the context's cause names the one that came first.
func TestTheLayerThatEndedFirstIsNamedInAllOrders(t *testing.T) {
	errGone := errors.New("the client has gone")
	for _, o := range []struct {
		own, cancel time.Duration // of the request; zero: never
		want        string        // the name of a TimeoutError, or ""
		answered    time.Duration
	}{
		{0, 0, "http request", 5 * time.Second},
		{6 * time.Second, 7 * time.Second, "http request", 5 * time.Second},
		{4 * time.Second, 7 * time.Second, "gateway", 4 * time.Second},
		{5 * time.Second, 0, "gateway", 5 * time.Second},
		{6 * time.Second, 2 * time.Second, "", 5 * time.Second},
		{4 * time.Second, 2 * time.Second, "", 4 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if o.own > 0 {
				var stop func()
				ctx, stop = ctxutil.ShrinkNamed(ctx, "gateway", o.own)
				defer stop()
			}
			if o.cancel > 0 {
				time.AfterFunc(o.cancel, func() { cancel(errGone) })
			}
			var cause error
			h := httptimeout.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				time.Sleep(time.Minute)
				cause = context.Cause(r.Context())
			}), 5*time.Second, quiet)
			s := serve(h, get().WithContext(ctx))
			s.at(o.answered - 1)
			s.silent(t)
			s.at(o.answered)
			s.refused(t)
			<-s.done
			var limit *ctxutil.TimeoutError
			if o.want == "" {
				require.True(t, cause == errGone)
				return
			}
			require.ErrorAs(t, cause, &limit)
			require.Equal(t, o.want, limit.Name)
		})
	}
}

// overdue is somebody's own context, which is never done.
type overdue struct {
	context.Context
	deadline time.Time
}

func (o overdue) Deadline() (time.Time, bool) { return o.deadline, true }

func TestAContextThatMissesItsOwnDeadlineHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Minute)
			_, err := w.Write(nil)
			require.True(t, err == http.ErrHandlerTimeout)
		}), time.Hour, quiet)
		s := serve(h, get().WithContext(overdue{context.Background(), time.Now().Add(time.Second)}))
		s.at(2 * time.Second)
		s.refused(t)
		<-s.done
		require.Equal(t, time.Minute, time.Since(s.began))
	})
}

func TestTheNameIsThePatternThatLedHere(t *testing.T) {
	var cause error
	mux := http.NewServeMux()
	mux.Handle("GET /items/{id}", httptimeout.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		require.Equal(t, "7", r.PathValue("id"))
		<-r.Context().Done()
		cause = context.Cause(r.Context())
	}), soon, quiet))
	mux.ServeHTTP(httptest.NewRecorder(), get())
	require.EqualError(t, cause, "ctxutil: GET /items/{id}: timed out after 20ms, limit 20ms")
}

func TestATimeThatHasPassedIsAnsweredWithoutTheHandler(t *testing.T) {
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("called") })
	for _, d := range []time.Duration{0, -1, math.MinInt64} {
		w := newServed()
		httptimeout.New(never, d, httptimeout.Options{}).ServeHTTP(w, get())
		w.refused(t)
	}
	ctx, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	w := newServed()
	httptimeout.New(never, time.Hour, httptimeout.Options{}).ServeHTTP(w, get().WithContext(ctx))
	w.refused(t)
}

func TestTheLongestTimeNeverPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		year := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { time.Sleep(365 * 24 * time.Hour); w.WriteHeader(204) })
		for _, o := range []httptimeout.Options{quiet, {Patience: math.MaxInt64}} {
			s := serve(httptimeout.New(year, math.MaxInt64, o), get())
			<-s.done
			require.Equal(t, 204, s.Code)
			s = serve(httptimeout.New(year, time.Second, o), get())
			<-s.done
			require.Equal(t, 503, s.Code)
		}
	})
}

func TestHeadGetsTheHeaderAndNoBody(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodHead, "/", nil)
	httptimeout.New(http.NotFoundHandler(), 0, httptimeout.Options{}).ServeHTTP(w, r)
	require.Equal(t, 503, w.Code)
	require.Zero(t, w.Body.Len())
	require.NotEmpty(t, w.Header().Get("Content-Length"))
}

func TestTheAnswerIsWhatTheOptionsSay(t *testing.T) {
	header := http.Header{"retry-after": {"3"}, "Content-Type": {"application/json"}, "Content-Length": {"999"}}
	h := httptimeout.New(http.NotFoundHandler(), 0, httptimeout.Options{Header: header, Body: `{"error":"late"}`})
	header["retry-after"][0] = "later" // ours no more
	r := get()
	r.ProtoMajor = 2
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, `{"error":"late"}`, w.Body.String())
		require.Equal(t, http.Header{
			"Retry-After": {"3"}, "Content-Type": {"application/json"}, "X-Content-Type-Options": {"nosniff"}, "Content-Length": {"16"},
		}, w.Header())
	}
}

// around sets headers before h is called, as middleware does.
func around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "42")
		w.Header().Set("X-Outer", "1")
		w.Header().Set("Content-Encoding", "br")
		h.ServeHTTP(w, r)
	})
}

func TestTheHeaderIsOneForTheHandlerAndItsMiddleware(t *testing.T) {
	for name, write := range map[string]func(http.ResponseWriter){
		"written": func(w http.ResponseWriter) { w.WriteHeader(200) },
		"not":     func(http.ResponseWriter) {},
	} {
		h := httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, "42", w.Header().Get("X-Request-Id"))
			w.Header().Del("X-Outer")
			w.Header().Set("X-Ours", "1")
			write(w)
		}), time.Minute, httptimeout.Options{})
		w := httptest.NewRecorder()
		around(h).ServeHTTP(w, get())
		require.Equal(t, http.Header{"X-Request-Id": {"42"}, "X-Ours": {"1"}, "Content-Encoding": {"br"}}, w.Result().Header, name)
	}
}

func TestTheAnswerHasTheHeaderOfTheMiddlewareAndNoneOfTheHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Del("X-Outer")
			w.Header().Set("X-Ours", "1")
			time.Sleep(time.Minute)
		}), time.Second, quiet)
		s := serve(around(h), get())
		<-s.done
		s.refused(t)
		header := s.Result().Header
		require.Equal(t, "42", header.Get("X-Request-Id"))
		require.Equal(t, "1", header.Get("X-Outer"))
		require.Empty(t, header.Get("X-Ours"))
		require.Empty(t, header.Get("Content-Encoding"), "it is about another body")
	})
}

func TestWhoOverstaysIsReportedOnceAndCountedUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type report struct {
			path     string
			at, over time.Duration
		}
		reports := make(chan report, 9)
		began := time.Now()
		h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }), time.Minute, httptimeout.Options{
			Patience: 3 * time.Second,
			OnOverstay: func(r *http.Request, over time.Duration) {
				reports <- report{r.URL.Path, time.Since(began), over}
			},
		})
		s := serve(h, get())
		s.at(time.Minute + 3*time.Second - 1)
		require.Zero(t, len(reports))
		require.Zero(t, h.Overstaying())
		s.at(time.Minute + 3*time.Second)
		require.Equal(t, report{"/items/7", time.Minute + 3*time.Second, 3 * time.Second}, <-reports)
		require.Equal(t, 1, h.Overstaying())
		<-s.done
		require.Zero(t, h.Overstaying())
		require.Zero(t, len(reports))
	})
}

func TestWhoOverstaysIsReportedWhateverItHasSent(t *testing.T) {
	for name, f := range map[string]http.HandlerFunc{
		"begun": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); time.Sleep(time.Hour) },
		"late": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			w.WriteHeader(200)
			time.Sleep(time.Hour)
		},
		"panicking": func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour); panic(http.ErrAbortHandler) },
	} {
		synctest.Test(t, func(t *testing.T) {
			var reports atomic.Int32
			h := httptimeout.New(f, time.Second, httptimeout.Options{OnOverstay: func(*http.Request, time.Duration) { reports.Add(1) }})
			outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { _ = recover() }()
				h.ServeHTTP(w, r)
			})
			s := serve(outer, get())
			s.at(2*time.Second - 1)
			require.Zero(t, reports.Load(), name)
			s.at(2 * time.Second)
			require.Equal(t, int32(1), reports.Load(), name)
			require.Equal(t, 1, h.Overstaying(), name)
			<-s.done
			require.Zero(t, h.Overstaying(), name)
		})
	}
}

func TestWhoEndsInTimeOrWithinThePatienceIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		report := func(*http.Request, time.Duration) { panic("reported") }
		for i := range 400 {
			// At the limit itself the timer may come before the end or after it.
			lasts := []time.Duration{0, time.Second - 1, time.Second, 2*time.Second - 1}[i%4]
			h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(lasts) }), time.Second, httptimeout.Options{OnOverstay: report})
			<-serve(h, get()).done
		}
		h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }), time.Second, httptimeout.Options{Patience: -1, OnOverstay: report})
		<-serve(h, get()).done
		time.Sleep(time.Hour)
	})
}

func TestTheDefaultReportIsAWarning(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	synctest.Test(t, func(t *testing.T) {
		h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }), time.Minute, httptimeout.Options{})
		r := get()
		r.Pattern = "/items/{id}"
		<-serve(h, r).done
	})
	for _, part := range []string{"level=WARN", "overstays", "method=GET", "path=/items/7", "pattern=/items/{id}", "over=1s"} {
		require.Contains(t, log.String(), part)
	}
}

func TestServeHTTPWaitsForTheReportThatItMakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := false
		h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(10 * time.Second) }), time.Second, httptimeout.Options{
			OnOverstay: func(*http.Request, time.Duration) { time.Sleep(time.Minute); reported = true },
		})
		s := serve(h, get())
		<-s.done
		require.True(t, reported)
		require.Equal(t, 2*time.Second+time.Minute, time.Since(s.began))
	})
}

func TestAReportThatLeavesByGoexitIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }), time.Second, httptimeout.Options{
			OnOverstay: func(*http.Request, time.Duration) { runtime.Goexit() },
		})
		<-serve(h, get()).done
		require.Zero(t, h.Overstaying())
	})
}

func TestAPanicIsTheServersBeforeAndAfterTheDeadline(t *testing.T) {
	for _, value := range []any{http.ErrAbortHandler, "boom"} {
		for _, after := range []time.Duration{0, time.Second, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				h := httptimeout.New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X-Ours", "1")
					time.Sleep(after)
					panic(value)
				}), 2*time.Second, httptimeout.Options{Patience: time.Hour})
				w := newServed()
				require.PanicsWithValue(t, value, func() { h.ServeHTTP(w, get()) })
				if after > 2*time.Second {
					w.refused(t)
				} else {
					w.silent(t)
					require.Empty(t, w.Header(), "whoever recovers may answer")
				}
				time.Sleep(24 * time.Hour)
				require.Zero(t, h.Overstaying())
			})
		}
	}
}

func TestAGoexitLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() }), time.Second, httptimeout.Options{
			OnOverstay: func(*http.Request, time.Duration) { panic("reported") },
		})
		s := serve(h, get())
		<-s.done
		time.Sleep(time.Hour)
		s.silent(t)
	})
}

func TestARequestHasNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, inside := runtime.NumGoroutine(), 0
		h := httptimeout.New(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			synctest.Wait()
			inside = max(inside, runtime.NumGoroutine())
		}), time.Minute, httptimeout.Options{})
		for range 100 {
			h.ServeHTTP(httptest.NewRecorder(), get())
		}
		require.LessOrEqual(t, inside, before)
		require.LessOrEqual(t, runtime.NumGoroutine(), before)
	})
}

func TestAnEndedRequestIsNotKeptByItsTimer(t *testing.T) {
	h := httptimeout.New(http.NotFoundHandler(), time.Hour, httptimeout.Options{})
	serve := func() weak.Pointer[http.Request] {
		r := get()
		h.ServeHTTP(httptest.NewRecorder(), r)
		return weak.Make(r)
	}
	request := serve()
	for range 100 {
		if request.Value() == nil {
			return
		}
		runtime.GC()
	}
	require.Fail(t, "the request is still held")
}

func TestARequestAllocatesLessThanWithTheStandardHandler(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("hello"))
	})
	allocs := func(h http.Handler) float64 {
		r := get()
		return testing.AllocsPerRun(200, func() { h.ServeHTTP(httptest.NewRecorder(), r) })
	}
	ours := allocs(httptimeout.New(answer, time.Minute, httptimeout.Options{}))
	theirs := allocs(http.TimeoutHandler(answer, time.Minute, ""))
	require.Less(t, ours, theirs)
}
