package belayredis_test

// This file tests what a Redis that fails does to calls, in bubbles, so that what a
// call costs is exact.

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/limiter"
)

// pretender answers as the scripts do and grants everything, in a fleet of so many,
// unless it is told to fail or to hang.
type pretender struct {
	members, grace int64
	fails, hangs   atomic.Bool
	flying, most   atomic.Int64
	trips          atomic.Int64
	slow           time.Duration
	last           atomic.Pointer[[]string]
}

var errDown = errors.New("connection refused")

// raise makes most at least n.
func raise(most *atomic.Int64, n int64) {
	for before := most.Load(); before < n && !most.CompareAndSwap(before, n); {
		before = most.Load()
	}
}

func (p *pretender) Eval(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
	p.trips.Add(1)
	raise(&p.most, p.flying.Add(1))
	defer p.flying.Add(-1)
	p.last.Store(&args)
	switch {
	case p.hangs.Load():
		<-ctx.Done()
		return nil, ctx.Err()
	case p.fails.Load():
		return nil, errDown
	case p.slow > 0:
		time.Sleep(p.slow)
	}
	if strings.HasSuffix(keys[0], ":held") {
		return []int64{p.members, p.grace, 0, int64(len(args) - 11)}, nil
	}
	wanted, _ := strconv.ParseInt(args[11], 10, 64)
	fixes, _ := strconv.Atoi(args[12])
	reply := []int64{1, 0, 0, 1, p.members, p.grace, wanted}
	for at := 13 + 5*fixes; at < len(args); at += 3 {
		n, _ := strconv.ParseInt(args[at], 10, 64)
		reply = append(reply, n)
	}
	return reply, nil
}

func cost(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// takers are a call of each kind on both limits, and their state.
func takers(t *testing.T, f belayredis.Fleet) map[string]struct {
	call  func() error
	state func() belayredis.State
} {
	r := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 1000, Burst: 1000})
	s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 1000})
	return map[string]struct {
		call  func() error
		state func() belayredis.State
	}{
		"rate": {func() error { _, err := r.TryTake(1); return err }, r.State},
		"semaphore": {func() error {
			p, err := s.TryTake(1)
			p.Release()
			return err
		}, s.State},
	}
}

func TestAHangCostsTheTimeoutAtMostAndNothingOnceRedisIsDown(t *testing.T) {
	for _, name := range []string{"rate", "semaphore"} {
		synctest.Test(t, func(t *testing.T) {
			p := &pretender{members: 1}
			taker := takers(t, belayredis.Fleet{Store: p, Key: "k", Logger: quiet})[name]
			require.NoError(t, taker.call())
			p.hangs.Store(true)
			var most atomic.Int64
			var all sync.WaitGroup
			for i := range 64 {
				all.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					for range 3 {
						d := cost(func() { _ = taker.call() })
						raise(&most, int64(d))
					}
				})
			}
			all.Wait()
			require.LessOrEqual(t, time.Duration(most.Load()), 50*time.Millisecond)
			require.Greater(t, most.Load(), int64(0))
			require.Equal(t, belayredis.Local, taker.state().Mode)
			require.EqualValues(t, 1, p.most.Load(), "one at a time")
			before := p.trips.Load()
			for range 1000 {
				require.Zero(t, cost(func() { _ = taker.call() }))
				time.Sleep(time.Millisecond)
			}
			require.Less(t, p.trips.Load()-before, int64(8), "probes are rare")
			require.EqualValues(t, 1, p.most.Load())

			p.hangs.Store(false)
			time.Sleep(time.Second)
			_ = taker.call()
			synctest.Wait()
			require.Equal(t, belayredis.Shared, taker.state().Mode)
			require.NoError(t, taker.call())
		})
	}
}

func TestManyCallersShareARoundTrip(t *testing.T) {
	for _, name := range []string{"rate", "semaphore"} {
		synctest.Test(t, func(t *testing.T) {
			p := &pretender{members: 1, slow: time.Millisecond}
			taker := takers(t, belayredis.Fleet{Store: p, Key: "k"})[name]
			before := p.trips.Load()
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() { require.NoError(t, taker.call()) })
			}
			all.Wait()
			require.LessOrEqual(t, p.trips.Load()-before, int64(2))
			require.EqualValues(t, 1, p.most.Load())
			synctest.Wait()
		})
	}
}

func TestAShareIsTheLimitByTheFleetsSize(t *testing.T) {
	for _, c := range []struct {
		set  int
		want float64
	}{{0, 250}, {10, 100}} {
		synctest.Test(t, func(t *testing.T) {
			p := &pretender{members: 4}
			r := newRate(t, belayredis.RateOptions{
				Fleet: belayredis.Fleet{Store: p, Key: "k", Members: c.set, Failures: 1, Logger: quiet}, Limit: 100, Burst: 40,
			})
			p.fails.Store(true)
			granted := 0
			for range 10_000 {
				if _, err := r.TryTake(1); err == nil {
					granted++
				}
				time.Sleep(time.Millisecond)
			}
			require.InDelta(t, c.want, granted, 1)
			time.Sleep(time.Minute)
			burst := 0
			for range 100 {
				if _, err := r.TryTake(1); err == nil {
					burst++
				}
			}
			require.Equal(t, int(c.want)/25, burst)
			_, err := r.TryTake(40)
			require.ErrorIs(t, err, limiter.ErrLimited, "Redis may have that many")
			require.EqualValues(t, granted+burst, r.Stats().Total)
		})
	}
}

func TestEveryOutageBeginsWithoutTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{members: 2}
		r := newRate(t, belayredis.RateOptions{Fleet: belayredis.Fleet{Store: p, Key: "k", Failures: 1, Logger: quiet}, Limit: 10, Burst: 10})
		for range 3 {
			p.fails.Store(true)
			_, err := r.TryTake(1)
			require.ErrorIs(t, err, limiter.ErrLimited)
			time.Sleep(time.Minute)
			_, err = r.TryTake(5)
			require.NoError(t, err)
			synctest.Wait()
			time.Sleep(time.Minute)
			p.fails.Store(false)
			_, err = r.TryTake(1)
			require.NoError(t, err)
			synctest.Wait()
			_, err = r.TryTake(1)
			require.NoError(t, err)
			require.Equal(t, belayredis.Shared, r.State().Mode)
			time.Sleep(time.Minute)
		}
	})
}

func TestASharesPlacesAreTheSizeByTheFleets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{members: 4}
		s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: belayredis.Fleet{Store: p, Key: "k", Failures: 1, Logger: quiet}, Size: 12})
		held, err := s.TryTake(5)
		require.NoError(t, err)
		p.fails.Store(true)
		_, err = s.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull, "what is out already counts")
		done := make(chan error)
		go func() {
			q, err := s.Take(t.Context(), 3)
			q.Release()
			done <- err
		}()
		synctest.Wait()
		held.Release()
		require.NoError(t, <-done)
		q, err := s.TryTake(3)
		require.NoError(t, err)
		_, err = s.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull)
		q.Release()
		time.Sleep(time.Minute) // what renews has ended, or the bubble would not
	})
}

func TestWhoWaitsForUnitsGetsThemWhenRedisIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{members: 4}
		s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: belayredis.Fleet{Store: p, Key: "k", Failures: 1, Logger: quiet}, Size: 12})
		p.fails.Store(true)
		time.AfterFunc(time.Minute, func() { p.fails.Store(false) })
		got, err := s.Take(t.Context(), 12)
		require.NoError(t, err)
		got.Release()
	})
}

func TestEachChangeOfModeIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := &pretender{members: 2, grace: time.Second.Microseconds()}
		f := belayredis.Fleet{Store: p, Key: "logins", Logger: slog.New(slog.NewTextHandler(&out, nil))}
		r := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 10, Burst: 10})
		p.fails.Store(true)
		for range 100 {
			_, _ = r.TryTake(1)
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, 1, strings.Count(out.String(), "\n"))
		require.Contains(t, out.String(), "the limit is local")
		require.Contains(t, out.String(), "key=logins members=2")
		require.ErrorIs(t, r.State().LastErr, errDown)
		p.fails.Store(false)
		for range 100 {
			_, _ = r.TryTake(1)
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, belayredis.Local, r.State().Mode, "the grace has to pass")
		time.Sleep(time.Second)
		_, err := r.TryTake(1)
		require.NoError(t, err)
		require.Equal(t, belayredis.Shared, r.State().Mode)
		require.Equal(t, 2, strings.Count(out.String(), "\n"))
		require.Contains(t, out.String(), "the limit is shared")
		require.Equal(t, "shared", belayredis.Shared.String())
		require.Equal(t, "local", belayredis.Local.String())
	})
}

func TestWithoutRedisFromTheBeginning(t *testing.T) {
	p := &pretender{members: 1}
	p.fails.Store(true)
	f := belayredis.Fleet{Store: p, Key: "k", Logger: quiet}
	_, err := belayredis.NewRate(t.Context(), belayredis.RateOptions{Fleet: f, Limit: 1, Burst: 1})
	require.ErrorIs(t, err, belayredis.ErrNeverReached)
	require.ErrorIs(t, err, errDown)
	_, err = belayredis.NewSemaphore(t.Context(), belayredis.SemaphoreOptions{Fleet: f, Size: 1})
	require.ErrorIs(t, err, belayredis.ErrNeverReached)

	f.Unseen = belayredis.FailClosed
	for _, taker := range takers(t, f) {
		var refused *limiter.RefusedError
		require.ErrorAs(t, taker.call(), &refused)
		require.Positive(t, refused.RetryAfter)
		require.Equal(t, belayredis.Local, taker.state().Mode)
		require.Zero(t, taker.state().Members)
	}
	f.Unseen = belayredis.FailOpen
	for _, taker := range takers(t, f) {
		require.NoError(t, taker.call())
	}
	f.Unseen, f.Members = belayredis.FailNew, 3
	s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 10})
	_, err = s.TryTake(4)
	require.ErrorIs(t, err, limiter.ErrFull)
	got, err := s.TryTake(3)
	require.NoError(t, err)
	got.Release()
}

func TestAStoreThatPanicsKeepsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{members: 1}
		var panics atomic.Bool
		store := storeFunc(func(ctx context.Context, script *belayredis.Script, keys, args []string) ([]int64, error) {
			if panics.CompareAndSwap(true, false) { // once: a timer may come next, and nobody recovers there
				time.Sleep(time.Millisecond)
				panic("store")
			}
			return p.Eval(ctx, script, keys, args)
		})
		for _, taker := range takers(t, belayredis.Fleet{Store: store, Key: "k", Logger: quiet}) {
			panics.Store(true)
			var all sync.WaitGroup
			var recovered atomic.Int64
			for range 5 {
				all.Go(func() {
					defer func() {
						if recover() != nil {
							recovered.Add(1)
						}
					}()
					_ = taker.call()
				})
			}
			all.Wait()
			require.EqualValues(t, 1, recovered.Load())
			require.NoError(t, taker.call())
			time.Sleep(time.Minute) // until it has given back what it has, by a timer
		}
	})
}

func TestACancelledFollowerLeavesAtOnceAndKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{members: 1, slow: 20 * time.Millisecond}
		r := newRate(t, belayredis.RateOptions{Fleet: belayredis.Fleet{Store: p, Key: "k"}, Limit: 10, Burst: 10})
		go func() { _, _ = r.TryTake(1) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.Equal(t, time.Millisecond, cost(func() {
			_, err := r.Take(ctx, 1)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}))
		time.Sleep(20 * time.Millisecond)
		late, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := r.Take(late, 1) // leads, and so learns of it when it has the answer
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, _ = r.TryTake(1)
		require.Equal(t, []string{"1", "1"}, (*p.last.Load())[12:14], "one token goes back with the next round trip")
	})
}

func TestALeaseIsOneRoundTripForManyCallsAndIsLostWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{members: 1}
		r := newRate(t, belayredis.RateOptions{Fleet: belayredis.Fleet{Store: p, Key: "k"}, Limit: 10, Burst: 1000, Lease: 100})
		for range 1010 {
			_, err := r.TryTake(1)
			require.NoError(t, err)
		}
		require.EqualValues(t, 1+10, p.trips.Load())
		require.EqualValues(t, 1010, r.Stats().Total)
		time.Sleep(5 * time.Second)
		_, err := r.TryTake(1)
		require.NoError(t, err)
		require.EqualValues(t, 1+11, p.trips.Load())
		require.EqualValues(t, 1011, r.Stats().Total)
		_, err = r.TryTake(501)
		require.ErrorIs(t, err, limiter.ErrTooLarge)
	})
}

func TestMisusePanics(t *testing.T) {
	p := &pretender{members: 1}
	f := belayredis.Fleet{Store: p, Key: "k"}
	rate := func(o belayredis.RateOptions) func() {
		return func() { _, _ = belayredis.NewRate(t.Context(), o) }
	}
	r := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 1, Burst: 1})
	s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 1})
	var none context.Context
	for text, do := range map[string]func(){
		"belayredis: Limit must be positive and finite":        rate(belayredis.RateOptions{Fleet: f, Limit: math.NaN(), Burst: 1}),
		"belayredis: Burst < 1":                                rate(belayredis.RateOptions{Fleet: f, Limit: 1}),
		"belayredis: Burst takes longer than 30 years to fill": rate(belayredis.RateOptions{Fleet: f, Limit: 1e-12, Burst: 1}),
		"belayredis: Lease < 0":                                rate(belayredis.RateOptions{Fleet: f, Limit: 1, Burst: 1, Lease: -1}),
		"belayredis: no Store":                                 rate(belayredis.RateOptions{Fleet: belayredis.Fleet{Key: "k"}, Limit: 1, Burst: 1}),
		"belayredis: no Key":                                   rate(belayredis.RateOptions{Fleet: belayredis.Fleet{Store: p}, Limit: 1, Burst: 1}),
		"belayredis: a brace in Key":                           rate(belayredis.RateOptions{Fleet: belayredis.Fleet{Store: p, Key: "{k}"}, Limit: 1, Burst: 1}),
		"belayredis: Members < 0":                              rate(belayredis.RateOptions{Fleet: belayredis.Fleet{Store: p, Key: "k", Members: -1}, Limit: 1, Burst: 1}),
		"belayredis: Size < 1":                                 func() { _, _ = belayredis.NewSemaphore(t.Context(), belayredis.SemaphoreOptions{Fleet: f}) },
		"belayredis: n < 0":                                    func() { _, _ = r.TryTake(-1) },
		"belayredis: Take with a nil context":                  func() { _, _ = r.Take(none, 1) },
	} {
		require.PanicsWithValue(t, text, do)
	}
	require.PanicsWithValue(t, "belayredis: n < 0", func() { _, _ = s.TryTake(-1) })
	require.PanicsWithValue(t, "belayredis: Take with a nil context", func() { _, _ = s.Take(none, 1) })
}

func TestADoneContextTakesNothing(t *testing.T) {
	p := &pretender{members: 1}
	ctx, cancel := context.WithCancelCause(t.Context())
	busy := errors.New("busy")
	cancel(busy)
	r := newRate(t, belayredis.RateOptions{Fleet: belayredis.Fleet{Store: p, Key: "k"}, Limit: 1, Burst: 1})
	s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: belayredis.Fleet{Store: p, Key: "k"}, Size: 1})
	trips := p.trips.Load()
	for _, l := range []limiter.Limiter{r, s} {
		for _, n := range []int64{0, 1, 100} {
			_, err := l.Take(ctx, n)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, busy)
			require.Contains(t, err.Error(), "busy")
		}
	}
	require.Equal(t, trips, p.trips.Load())
	_, err := belayredis.NewRate(ctx, belayredis.RateOptions{Fleet: belayredis.Fleet{Store: p, Key: "k"}, Limit: 1, Burst: 1})
	require.ErrorIs(t, err, busy)
}
