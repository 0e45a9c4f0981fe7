package httplimit_test

// This file puts the module's own limits behind the middleware.

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/httplimit"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

func TestASemaphoreBehindAServer(t *testing.T) {
	both(t, func(t *testing.T, proto int) {
		sem := semaphore.NewWeighted(1)
		in, out := make(chan struct{}), make(chan struct{})
		s := server(t, proto, httplimit.Shared(sem, httplimit.Options{Name: "service"})(http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) {
				close(in)
				<-out
			})))
		first := make(chan int)
		go func() { // ends with out
			res, err := s.Client().Get(s.URL)
			if err != nil {
				first <- -1
				return
			}
			res.Body.Close()
			first <- res.StatusCode
		}()
		<-in
		res := get(t, s)
		require.Equal(t, 503, res.StatusCode)
		require.Equal(t, "1", res.Header.Get("Retry-After"))
		require.Equal(t, `"service";q=1;qu="concurrent-requests"`, res.Header.Get("RateLimit-Policy"))
		require.Equal(t, `"service";r=0`, res.Header.Get("RateLimit"))
		close(out)
		require.Equal(t, 200, <-first)
		require.Eventually(t, func() bool { return sem.Stats().InFlight == 0 }, time.Minute, time.Millisecond)
		require.EqualValues(t, []uint64{1, 1}, []uint64{sem.Stats().Total, sem.Stats().Refused})
	})
}

func TestASemaphoreIsHeldByAHijackedConnection(t *testing.T) {
	sem := semaphore.NewWeighted(1)
	a, b := net.Pipe()
	defer b.Close()
	var c net.Conn
	httplimit.Shared(sem, none)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var err error
		c, _, err = w.(http.Hijacker).Hijack()
		require.NoError(t, err)
	})).ServeHTTP(hijackable{httptest.NewRecorder(), a}, httptest.NewRequest(http.MethodGet, "/", nil))
	require.EqualValues(t, 1, sem.Stats().InFlight)
	require.NoError(t, c.Close())
	_ = c.Close()
	require.Zero(t, sem.Stats().InFlight)
}

type hijackable struct {
	*httptest.ResponseRecorder
	c net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.c, nil, nil }

func TestARequestWaitsForASemaphoreInItsTurnAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.NewWeighted(1)
		h := httplimit.Shared(sem, httplimit.Options{Wait: 3 * time.Second})(http.HandlerFunc(
			func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) }))
		codes := make(chan int, 3)
		for range 3 {
			go func() { codes <- ask(h, "/").Code }() // ends after at most five seconds
			synctest.Wait()
		}
		require.Equal(t, []int{200, 503, 200}, []int{<-codes, <-codes, <-codes}) // at 2, 3 and 4 seconds
		require.Zero(t, sem.Stats().InFlight)
	})
}

func TestARateBehindTheMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lim := rate.NewLimiter(rate.Every(10*time.Second), 3)
		h := httplimit.Shared(lim, httplimit.Options{Name: "client", Cost: func(r *http.Request) int64 {
			return r.ContentLength
		}})(ok)
		send := func(cost int64) *httptest.ResponseRecorder {
			r, w := httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRecorder()
			r.ContentLength = cost
			h.ServeHTTP(w, r)
			return w
		}
		for _, c := range []struct {
			cost        int64
			code        int
			limit, base string
		}{
			{1, 200, `"client";r=2;t=20`, ""},
			{2, 200, `"client";r=0;t=10`, ""},
			{1, 429, `"client";r=0;t=10`, "10"},
			{4, 413, `"client";r=0;t=10`, ""},
		} {
			w := send(c.cost)
			require.Equal(t, c.code, w.Code)
			require.Equal(t, `"client";q=3;w=30`, w.Header().Get("RateLimit-Policy"))
			require.Equal(t, c.limit, w.Header().Get("RateLimit"))
			if c.base == "" {
				require.Empty(t, w.Header().Get("Retry-After"))
			} else {
				require.Contains(t, []string{"10", "11", "12"}, w.Header().Get("Retry-After"))
			}
		}
		time.Sleep(10 * time.Second)
		require.Equal(t, 200, send(1).Code, "as the client was told")
	})
}

func TestARequestWaitsForARateOrIsToldAtOnceThatItIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lim := rate.NewLimiter(rate.Every(10*time.Second), 1)
		h := httplimit.Shared(lim, httplimit.Options{Wait: 11 * time.Second})(ok)
		began := time.Now()
		require.Equal(t, 200, ask(h, "/").Code)
		require.Equal(t, 200, ask(h, "/").Code)
		require.Equal(t, 10*time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
		require.Equal(t, 429, w.Code)
		require.Equal(t, 10*time.Second, time.Since(began), "it waited for nothing")
		require.Contains(t, []string{"10", "11", "12"}, w.Header().Get("Retry-After"))
	})
}
