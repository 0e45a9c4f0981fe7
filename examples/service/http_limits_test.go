package main

// The http routes under their limits: too fast, too many, too late. Time passes
// in a bubble.

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAClientThatIsTooFastGets429AndWhenToComeBack(t *testing.T) {
	s := newTestService(t, settings{rate: 2, concurrency: 100})
	synctest.Test(t, func(t *testing.T) {
		s.limits.set(settings{rate: 2, concurrency: 100}) // with the bubble's clock
		h := s.routes()
		require.Equal(t, 200, get(h, "/slow?d=0s").Code)
		require.Equal(t, 200, get(h, "/slow?d=0s").Code)
		w := get(h, "/slow?d=0s")
		require.Equal(t, 429, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.Equal(t, 200, get(h, "/livez").Code, "probes bypass the rate")

		other := httptest.NewRequest("GET", "/slow?d=0s", nil)
		other.RemoteAddr = "198.51.100.7:1"
		require.Equal(t, 200, do(h, other).Code, "another client has its own rate")

		time.Sleep(time.Second)
		require.Equal(t, 200, get(h, "/slow?d=0s").Code, "it came back when it was told to")
		require.EqualValues(t, 1, s.served.shed.Load())
	})
}

func TestProbesStayGreenWhileTheServiceIsSaturated(t *testing.T) {
	s := newTestService(t, generous())
	s.setReady(true)
	synctest.Test(t, func(t *testing.T) {
		s.limits.set(settings{rate: 1000, concurrency: 2})
		h := s.routes()
		slow := make(chan int, 2)
		for range 2 {
			go func() { slow <- get(h, "/slow?d=5s").Code }()
		}
		synctest.Wait()
		go func() { slow <- get(h, "/slow?d=0s").Code }()
		synctest.Wait()
		require.EqualValues(t, 1, s.state().Waiting)
		require.EqualValues(t, 3, s.state().InFlight)
		require.Equal(t, 503, <-slow, "it has waited for queueTime")
		w := get(h, "/slow?d=0s")
		require.Equal(t, 503, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.Equal(t, 200, get(h, "/sum?path=hello").Code, "requests have a bound of their own")
		for _, probe := range []string{"/livez", "/readyz", "/version"} {
			require.Equal(t, 200, get(h, probe).Code, probe)
		}
		require.EqualValues(t, 2, s.served.inFlight.Load())
		require.Equal(t, 200, <-slow)
		require.Equal(t, 200, <-slow)
		require.Equal(t, 200, get(h, "/slow?d=0s").Code, "there is room again")
	})
}

func TestARequestEndsWithItsClient(t *testing.T) {
	s := newTestService(t, generous())
	synctest.Test(t, func(t *testing.T) {
		ctx, gone := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, gone)
		start := time.Now()
		w := do(s.routes(), httptest.NewRequest("GET", "/slow?d=9s", nil).WithContext(ctx))
		require.Equal(t, statusClientGone, w.Code)
		require.Equal(t, time.Second, time.Since(start))
		require.EqualValues(t, 0, s.served.inFlight.Load())
		require.EqualValues(t, 0, s.served.failed.Load(), "not a fault of the service")
	})
}

func TestReadinessIsRedUntilItIsSet(t *testing.T) {
	s := newTestService(t, generous())
	require.Equal(t, 503, get(s.routes(), "/readyz").Code)
	require.Equal(t, 200, get(s.routes(), "/livez").Code)
	s.setReady(true)
	require.Equal(t, 200, get(s.routes(), "/readyz").Code)
}

func TestAnAnswerThatFailsHalfwayIsCutAndNotEnded(t *testing.T) {
	s := newTestService(t, generous())
	h := s.limited(func(w http.ResponseWriter, _ *http.Request) error {
		io.WriteString(w, "the first half")
		return context.DeadlineExceeded
	})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { get(h, "/") })
	require.EqualValues(t, 0, s.served.inFlight.Load())
	h = s.limited(func(http.ResponseWriter, *http.Request) error { return context.DeadlineExceeded })
	require.Equal(t, 504, get(h, "/").Code)
	h = s.limited(func(http.ResponseWriter, *http.Request) error { return os.ErrClosed })
	w := get(h, "/")
	require.Equal(t, 500, w.Code)
	require.Equal(t, "internal error\n", w.Body.String(), "the reason is for the log")
	require.EqualValues(t, 1, s.served.failed.Load())
}
