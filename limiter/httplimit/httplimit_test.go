package httplimit_test

// This file tests who gets in, who is refused, and what a refusal looks like.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/httplimit"
)

func TestEachKeyHasItsOwnLimit(t *testing.T) {
	a, b := &places{size: 1}, &places{size: 1}
	in, out := make(chan struct{}), make(chan struct{})
	h := httplimit.PerKey(httplimit.ByHeader("X-Key"), limitOf(map[string]limiter.Limiter{"a": a, "b": b}), none)(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stay" {
				close(in)
				<-out
			}
		}))
	with := func(key, path string) int {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("X-Key", key)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	done := make(chan int)
	go func() { done <- with("a", "/stay") }() // ends with out
	<-in
	require.Equal(t, 503, with("a", "/"))
	require.Equal(t, 200, with("b", "/"))
	require.Equal(t, 200, with("nobody's", "/"), "a nil limiter is no limit")
	close(out)
	require.Equal(t, 200, <-done)
	require.Equal(t, 200, with("a", "/"))
	a.empties(t, 2)
	b.empties(t, 1)
}

func TestTheReasonDecidesTheStatus(t *testing.T) {
	const never = time.Duration(math.MaxInt64)
	rate := func(l limiter.Limiter) limiter.Limiter { return quota{l, 10, 0, time.Minute, time.Minute} }
	flight := func(l limiter.Limiter) limiter.Limiter { return quota{l, 10, 0, 0, 0} }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		limit limiter.Limiter
		ctx   context.Context
		cost  int64
		want  int
		after string
	}{
		"too often":                             {refusal(limiter.ErrLimited, time.Second), nil, 1, 429, "1"},
		"too often for a rate":                  {rate(refusal(limiter.ErrLimited, 3*time.Second)), nil, 1, 429, "3"},
		"too late":                              {refusal(limiter.ErrTooLate, 4*time.Second), nil, 1, 429, "4"},
		"full":                                  {refusal(limiter.ErrFull, 0), nil, 1, 503, "1"},
		"full in flight":                        {flight(refusal(limiter.ErrFull, 0)), nil, 1, 503, "1"},
		"too late in flight":                    {flight(refusal(limiter.ErrTooLate, time.Second)), nil, 1, 503, "1"},
		"larger than the limit":                 {refusal(limiter.ErrTooLarge, never), nil, 2, 413, ""},
		"larger than the limit in flight":       {flight(refusal(limiter.ErrTooLarge, never)), nil, 2, 413, ""},
		"a limit of nothing":                    {refusal(limiter.ErrTooLarge, never), nil, 1, 503, ""},
		"too large, and the limit doesn't know": {refusal(limiter.ErrTooLarge, 0), nil, 1, 503, ""},
		"never":                                 {rate(refusal(limiter.ErrLimited, never)), nil, 1, 429, ""},
		"another error":                         {refusing{errors.New("broken")}, nil, 1, 503, "1"},
		"wrapped":                               {refusing{fmt.Errorf("x: %w", refusal(limiter.ErrLimited, time.Second).err)}, nil, 1, 429, "1"},
		"gone":                                  {rate(refusal(limiter.ErrLimited, time.Hour)), cancelled, 1, 503, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen httplimit.Refusal
			h := httplimit.Shared(c.limit, httplimit.Options{
				Cost:      func(*http.Request) int64 { return c.cost },
				OnRefused: func(_ *http.Request, why httplimit.Refusal) { seen = why },
			})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("served") }))
			r, w := httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRecorder()
			if c.ctx != nil {
				r = r.WithContext(c.ctx)
			}
			w.Header().Set("Cache-Control", "public, max-age=3600") // by whoever is around us
			w.Header().Set("Content-Length", "7")
			h.ServeHTTP(w, r)
			require.Equal(t, c.want, w.Code)
			require.Equal(t, c.want, seen.Status)
			require.Equal(t, c.after, w.Header().Get("Retry-After"))
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Empty(t, w.Header().Get("Content-Length"))
			require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
			text := http.StatusText(c.want)
			if c.after != "" {
				text += ": retry after " + c.after + " s"
			}
			require.Equal(t, text+"\n", w.Body.String())
		})
	}
}

// Pitfall 23: a Retry-After that is rounded down to 0 makes clients spin.
func TestRetryAfterIsWholeSecondsNeverLessThanTheTruthAndAtMostAFifthMore(t *testing.T) {
	for _, truth := range []time.Duration{1, time.Millisecond, time.Second - 1, time.Second, time.Second + 1, 1500 * time.Millisecond,
		5 * time.Second, 10 * time.Second, time.Minute, time.Hour, 31 * 365 * 24 * time.Hour, math.MaxInt64 - 1} {
		h := httplimit.Shared(refusal(limiter.ErrLimited, truth), none)(ok)
		seen := map[int64]bool{}
		for range 200 {
			sent, err := strconv.ParseInt(ask(h, "/").Header().Get("Retry-After"), 10, 64)
			require.NoError(t, err)
			least := int64(truth / time.Second)
			if truth%time.Second > 0 {
				least++
			}
			if truth < math.MaxInt64/6*5 {
				require.GreaterOrEqual(t, sent, least, truth)
			}
			require.GreaterOrEqual(t, sent, int64(1))
			require.LessOrEqual(t, float64(sent), 1.2*float64(least), truth)
			seen[sent] = true
		}
		switch {
		case truth < 5*time.Second:
			require.Len(t, seen, 1, truth)
		case truth == time.Minute:
			require.Len(t, seen, 13, "all from 60 to 72 in 200 of them") // misses once in 10^5 runs
		default:
			require.Greater(t, len(seen), 1, truth)
		}
	}
}

func TestWhereNobodyKnowsWhenToComeBackTheOptionSaysIt(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "1", -1: "", time.Millisecond: "1", 3 * time.Second: "3"} {
		h := httplimit.Shared(refusal(limiter.ErrFull, 0), httplimit.Options{RetryAfter: d})(ok)
		require.Equal(t, want, ask(h, "/").Header().Get("Retry-After"), d)
	}
	h := httplimit.Shared(refusal(limiter.ErrLimited, 2*time.Second), httplimit.Options{RetryAfter: -1})(ok)
	require.Equal(t, "2", ask(h, "/").Header().Get("Retry-After"), "it is known")
}

// Pitfall 23: probes fail when the service is busy, and it is restarted.
func TestProbesAreAnsweredWhileTheLimiterIsSaturated(t *testing.T) {
	full := &places{size: 1}
	in, out := make(chan struct{}), make(chan struct{})
	var around func(http.Handler) http.Handler
	serve := func(probes []string) http.Handler {
		around = httplimit.PerKey(func(r *http.Request) string {
			if r.URL.Path == "/livez" && r.Method == http.MethodGet && probes == nil {
				panic("the key of a probe is nobody's business")
			}
			return ""
		}, func(string) limiter.Limiter { return full }, httplimit.Options{Probes: probes})
		return around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stay" {
				in <- struct{}{}
				<-out
			}
		}))
	}
	h := serve(nil)
	done := make(chan int)
	go func() { done <- ask(h, "/stay").Code }() // ends with out
	<-in
	for _, path := range []string{"/livez", "/readyz", "/healthz", "/livez?verbose", "/%6civez"} {
		require.Equal(t, 200, send(h, http.MethodGet, path).Code, path)
		require.Equal(t, 200, send(h, http.MethodHead, path).Code, path)
		for _, method := range []string{http.MethodPost, http.MethodOptions, http.MethodDelete, "get"} {
			require.Equal(t, 503, send(h, method, path).Code, path)
		}
	}
	for _, path := range []string{"/", "/livez/", "//livez", "/x/../livez", "/livez/../users", "/livezz", "/LIVEZ", "/livez%2f", "/livez;x", "/a/livez"} {
		require.Equal(t, 503, ask(h, path).Code, path)
	}
	own := serve([]string{"/up"})
	require.Equal(t, 200, ask(own, "/up").Code)
	require.Equal(t, 503, ask(own, "/livez").Code)
	require.Equal(t, 503, ask(serve([]string{}), "/livez").Code)
	close(out)
	require.Equal(t, 200, <-done)
	full.empties(t, 1)
}

func TestARequestIsRefusedAtOnceUnlessItMayWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := &places{size: 1}
		at := func(wait time.Duration) (code int, after time.Duration, why error) {
			h := httplimit.Shared(full, httplimit.Options{Wait: wait, OnRefused: func(_ *http.Request, r httplimit.Refusal) { why = r.Err }})(ok)
			began := time.Now()
			return ask(h, "/").Code, time.Since(began), why
		}
		held, err := full.TryTake(1)
		require.NoError(t, err)
		for _, wait := range []time.Duration{0, -time.Second} {
			code, after, why := at(wait)
			require.Equal(t, 503, code)
			require.Zero(t, after)
			require.ErrorIs(t, why, limiter.ErrFull)
		}
		code, after, why := at(time.Minute)
		require.Equal(t, 503, code)
		require.Equal(t, time.Minute, after)
		require.ErrorIs(t, why, context.DeadlineExceeded)
		var late *ctxutil.TimeoutError
		require.ErrorAs(t, why, &late)
		require.Equal(t, "httplimit: wait", late.Name)

		time.AfterFunc(30*time.Second, held.Release)
		code, after, _ = at(math.MaxInt64)
		require.Equal(t, 200, code)
		require.Equal(t, 30*time.Second, after)
		full.empties(t, 2)
	})
}

func TestTheHandlerHasItsRequestsOwnContextAndNotThatOfTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := httplimit.Shared(&places{size: 1}, httplimit.Options{Wait: time.Second})(http.HandlerFunc(
			func(_ http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Minute)
				require.NoError(t, r.Context().Err())
			}))
		require.Equal(t, 200, ask(h, "/").Code)
	})
}

func TestTheContextOfTheWaitEndsWithIt(t *testing.T) {
	var seen context.Context
	h := httplimit.Shared(asked{&ledger{}, &seen}, httplimit.Options{Wait: time.Hour})(ok)
	require.Equal(t, 200, ask(h, "/").Code)
	require.Equal(t, context.Canceled, seen.Err(), "its timer is left behind")
}

// asked tells with what context a limiter was asked.
type asked struct {
	limiter.Limiter
	ctx *context.Context
}

func (a asked) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	*a.ctx = ctx
	return a.Limiter.Take(ctx, n)
}

func TestAClientThatGoesWhileItWaitsTakesNothingAndIsTold503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := &places{size: 1}
		held, err := full.TryTake(1)
		require.NoError(t, err)
		var why error
		h := httplimit.Shared(full, httplimit.Options{Wait: time.Hour, OnRefused: func(_ *http.Request, r httplimit.Refusal) { why = r.Err }})(
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("served") }))
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		time.AfterFunc(time.Second, func() { cancel(gone) })
		w, began := httptest.NewRecorder(), time.Now()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, 503, w.Code)
		require.ErrorIs(t, why, gone)
		held.Release()
		full.empties(t, 1)
	})
}

func TestARequestWhoseClientHasGoneTakesNothingThoughThereIsRoom(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Second} {
		room := &places{size: 1}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := httptest.NewRecorder()
		httplimit.Shared(room, httplimit.Options{Wait: wait})(ok).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
		require.Equal(t, 503, w.Code)
		_, granted, _ := room.counts()
		require.Zero(t, granted)
	}
}

func TestTheCostIsWhatIsTaken(t *testing.T) {
	room := &places{size: 5}
	h := httplimit.Shared(room, httplimit.Options{Cost: func(r *http.Request) int64 { return r.ContentLength }})(ok)
	for _, n := range []int64{0, 3, 5, 6} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.ContentLength = n
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, n > 5, w.Code == 413, w.Code)
	}
	ask(httplimit.Shared(room, none)(ok), "/")
	require.Equal(t, []int64{0, 3, 5, 6, 1}, room.took)
}

func TestAHandlerSettlesWhatItKnowsOnlyAfterwards(t *testing.T) {
	tokens, calls := &ledger{}, &ledger{}
	var left limiter.Permit
	inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		left = httplimit.PermitOf(r.Context(), "tokens")
		left.Settle(70)
		httplimit.PermitOf(r.Context(), "").Settle(5)
		httplimit.PermitOf(r.Context(), "unheard-of").Settle(1000)
	})
	h := httplimit.Shared(calls, httplimit.Options{Settle: true})(httplimit.Shared(tokens, httplimit.Options{
		Name: "tokens", Settle: true, Cost: func(*http.Request) int64 { return 100 },
	})(inner))
	require.Equal(t, 200, ask(h, "/").Code)
	left.Settle(1) // too late
	require.Equal(t, []int64{70, 5}, []int64{tokens.taken, calls.taken})
	require.Equal(t, []int{1, 1}, []int{tokens.release, calls.release})

	require.Equal(t, 200, ask(httplimit.Shared(tokens, httplimit.Options{Name: "tokens"})(inner), "/").Code)
	require.Equal(t, int64(71), tokens.taken, "it wasn't asked for")
}

// Pitfall 20: a callback that panics, or asks again, finds nothing locked and
// nothing taken.
func TestAFunctionThatPanicsLeavesNothingTaken(t *testing.T) {
	room := &sized{places{size: 1}}
	planted := func(*http.Request) int64 { panic("planted") }
	for name, h := range map[string]http.Handler{
		"key":     httplimit.PerKey(func(*http.Request) string { panic("planted") }, limitOf(map[string]limiter.Limiter{"": room}), none)(ok),
		"limitOf": httplimit.PerKey(httplimit.ByAddr, func(string) limiter.Limiter { panic("planted") }, none)(ok),
		"cost":    httplimit.Shared(room, httplimit.Options{Cost: planted})(ok),
		"quota":   httplimit.Shared(broken{room}, none)(ok),
		"refuse": httplimit.Shared(refusal(limiter.ErrFull, 0), httplimit.Options{Refuse: func(http.ResponseWriter, *http.Request, httplimit.Refusal) {
			panic("planted")
		}})(ok),
		"refused": httplimit.Shared(refusal(limiter.ErrFull, 0), httplimit.Options{OnRefused: func(*http.Request, httplimit.Refusal) {
			panic("planted")
		}})(ok),
	} {
		require.PanicsWithValue(t, "planted", func() { ask(h, "/") }, name)
		held, _, _ := room.counts()
		require.Zero(t, held, name)
	}
	h := httplimit.Shared(room, none)(ok)
	again := httplimit.Shared(refusal(limiter.ErrFull, 0), httplimit.Options{OnRefused: func(*http.Request, httplimit.Refusal) {
		require.Equal(t, 200, ask(h, "/").Code)
	}})(ok)
	require.Equal(t, 503, ask(again, "/").Code)
}

// broken is a limit whose quota can't be told.
type broken struct{ limiter.Limiter }

func (broken) Quota() (int64, int64, time.Duration, time.Duration) { panic("planted") }

// Of another middleware's ResponseWriter, it is asked what is below.
func TestAWriterThatPanicsLeavesNothingTaken(t *testing.T) {
	room := &places{size: 1}
	h := httplimit.Shared(room, none)(ok)
	require.PanicsWithValue(t, "planted", func() { h.ServeHTTP(brokenWriter{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil)) })
	held, _, _ := room.counts()
	require.Zero(t, held)
}

type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Unwrap() http.ResponseWriter { panic("planted") }

// A limit in the shadow grants permits that hold nothing.
func TestALimitInTheShadowRefusesNobody(t *testing.T) {
	full := &places{size: 1}
	held, err := full.TryTake(1)
	require.NoError(t, err)
	shadow := limiter.Shadow(full)
	for _, wait := range []time.Duration{0, time.Hour} {
		h := httplimit.Shared(shadow, httplimit.Options{Wait: wait, Settle: true})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			httplimit.PermitOf(r.Context(), "").Settle(3)
			httplimit.PermitOf(r.Context(), "").Release()
			_, _ = io.WriteString(w, "ok")
		}))
		both(t, func(t *testing.T, proto int) {
			s := server(t, proto, h)
			res, err := s.Client().Get(s.URL)
			require.NoError(t, err)
			res.Body.Close()
			require.Equal(t, 200, res.StatusCode)
		})
	}
	shadow.Enforce(true)
	require.Equal(t, 503, ask(httplimit.Shared(shadow, none)(ok), "/").Code)
	held.Release()
	require.Equal(t, 200, ask(httplimit.Shared(shadow, none)(ok), "/").Code)
	full.empties(t, 2)
}

// Several limits at once: as one, or one around the other.
func TestARatePerClientAndALimitForAllFitTogether(t *testing.T) {
	service := &sized{places{size: 1}}
	clients := map[string]limiter.Limiter{"a": &ledger{}, "b": refusal(limiter.ErrLimited, time.Second)}
	all := map[string]limiter.Limiter{}
	for key, l := range clients {
		all[key] = limiter.All(service, l)
	}
	key := httplimit.ByHeader("X-Key")
	for name, around := range map[string]func(http.Handler) http.Handler{
		"as one": httplimit.PerKey(key, limitOf(all), none),
		"stacked": func(next http.Handler) http.Handler {
			return httplimit.PerKey(key, limitOf(clients), none)(httplimit.Shared(service, none)(next))
		},
	} {
		h := around(ok)
		status := func(key string) int {
			r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
			r.Header.Set("X-Key", key)
			h.ServeHTTP(w, r)
			return w.Code
		}
		require.Equal(t, []int{200, 429}, []int{status("a"), status("b")}, name)
		held, err := service.TryTake(1)
		require.NoError(t, err)
		require.Equal(t, 503, status("a"), name)
		held.Release()
		require.Equal(t, 200, status("a"), name)
		inFlight, _, _ := service.counts()
		require.Zero(t, inFlight, name)
	}
}
