package rate_test

// This file tests the ways on which a call neither locks nor, in a limiter for
// high rates, reads the clock: by the world's clock, against exact arithmetic,
// and while others change everything. There is no assertion on how long anything
// takes: only that what was granted fits the time that it took.

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/rate"
)

var kinds = map[string]func(rate.Limit, int) *rate.Limiter{
	"one at a time": rate.NewLimiter,
	"high rate":     rate.NewHighRate,
}

// event is a grant that happened between two readings of the clock.
type event struct{ after, before time.Duration }

// requireFits holds every span from one event to a later one against the bound,
// in rational numbers.
func requireFits(t *testing.T, events []event, perSecond float64, burst int, what string) {
	limit := new(big.Rat).SetFloat64(perSecond)
	for i := 0; i < len(events); i += 1 + len(events)/100 {
		last := events[i].before
		for j := i; j < len(events); j++ {
			last = max(last, events[j].before)
			if j%7 != i%7 && j != len(events)-1 {
				continue
			}
			// A nanosecond is what two readings may be off.
			span := big.NewRat(int64(last-events[i].after)+1, 1e9)
			most := span.Add(span.Mul(span, limit), big.NewRat(int64(burst), 1))
			require.LessOrEqual(t, big.NewRat(int64(j-i+1), 1).Cmp(most), 0, "%s: events %d to %d of %d in %v", what, i, j, len(events), last-events[i].after)
		}
	}
}

func TestEverySpanOfRealTimeKeepsTheBoundAndGetsItsShare(t *testing.T) {
	for kind, fresh := range kinds {
		for seed := range uint64(60) {
			random := rand.New(rand.NewPCG(seed, 8))
			perSecond := math.Exp(random.Float64()*15 + 6) // 400 to 1.3e9
			burst := 1 + random.IntN(1<<random.IntN(12))
			what := fmt.Sprintf("%s, seed %d: limit %v, burst %d", kind, seed, perSecond, burst)
			lim := fresh(rate.Limit(perSecond), burst)
			epoch := time.Now()
			var events []event
			var first, last event // refusals
			var before time.Duration
			most, full := 1.0, false // tokens there can be, after the first refusal
			var since, skipped int   // grants before the last one, and the first
			for len(events) < 3000 && time.Since(epoch) < 3*time.Millisecond {
				after := time.Since(epoch)
				allowed := lim.Allow()
				now := event{after, time.Since(epoch)}
				if allowed {
					events = append(events, now)
				} else if last, since = now, len(events); first.before == 0 {
					first, skipped, before = now, since, after
				}
				if first.before != 0 {
					most += perSecond * (now.before - before).Seconds()
					full = full || most >= float64(burst)
					if allowed {
						most--
					} else {
						most = 1
					}
				}
				before = after
				if random.IntN(100) == 0 {
					lim.SetLimit(rate.Limit(perSecond)) // from one way to the other
				}
				if random.IntN(200) == 0 {
					runtime.Gosched()
				}
			}
			requireFits(t, events, perSecond, burst, what)
			if first.before != 0 && !full && kind != "high rate" {
				// Nothing was lost.
				gained := perSecond * (last.after - first.before).Seconds() * (1 - 1e-9)
				require.GreaterOrEqual(t, float64(since-skipped), gained-1.001, what)
			}
		}
	}
}

func TestEverySpanKeepsTheBoundWithManyGoroutines(t *testing.T) {
	for kind, fresh := range kinds {
		const perSecond, burst, goroutines = 2e5, 800, 8
		lim := fresh(perSecond, burst)
		epoch := time.Now()
		var mu sync.Mutex
		var events []event
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() {
				var mine []event
				for range 2000 {
					after := time.Since(epoch)
					if lim.Allow() {
						mine = append(mine, event{after, time.Since(epoch)})
					}
				}
				mu.Lock()
				defer mu.Unlock()
				events = append(events, mine...)
			})
		}
		all.Wait()
		// Whole events only: in a span that an event reaches into at its end it
		// counts, in one that it reaches into at its beginning it does not.
		for from := range events {
			if from%50 != 0 {
				continue
			}
			begin := events[from].after
			for to := range events {
				if to%50 != 0 || events[to].before < begin {
					continue
				}
				end, n := events[to].before, 0
				for _, e := range events {
					if e.after >= begin && e.before <= end {
						n++
					}
				}
				require.LessOrEqual(t, float64(n), burst+perSecond*(end-begin+1).Seconds()+1e-6, kind)
			}
			if from > 500 {
				break
			}
		}
	}
}

// Everything at once, on a bucket that gains next to nothing: no token may be
// lost, nor found, between the ways.
func TestNoTokenIsLostOrFoundAmongTheWays(t *testing.T) {
	for kind, fresh := range kinds {
		for seed := range uint64(20) {
			const burst = 4000
			lim := fresh(1, burst)
			began := time.Now()
			var granted atomic.Int64
			var all sync.WaitGroup
			for g := range uint64(4) {
				all.Go(func() {
					random := rand.New(rand.NewPCG(seed, g))
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					for range 1200 {
						mixture(lim, random, ctx, &granted)
					}
				})
			}
			all.Wait()
			for lim.Allow() {
				granted.Add(1)
			}
			gained := int64(time.Since(began)/time.Second) + 1
			require.GreaterOrEqual(t, granted.Load(), int64(burst), "%s, seed %d", kind, seed)
			require.LessOrEqual(t, granted.Load(), burst+gained, "%s, seed %d", kind, seed)
			require.InDelta(t, 0, lim.Tokens(), float64(gained))
			stats := lim.Stats()
			require.Zero(t, stats.Waiting)
		}
	}
}

// mixture makes one call, mostly Allow, and counts what was used.
func mixture(lim *rate.Limiter, random *rand.Rand, done context.Context, granted *atomic.Int64) {
	n := 1 + random.IntN(3)
	switch random.IntN(60) {
	case 0:
		lim.SetLimit(1)
	case 1:
		lim.SetBurst(4000)
	case 2:
		if r := lim.ReserveN(time.Now(), n); r.Delay() == 0 {
			granted.Add(int64(n))
		} else {
			r.Cancel()
		}
	case 3:
		if p, err := lim.TryTake(int64(n)); err == nil {
			granted.Add(int64(n))
			p.Release()
		}
	case 4:
		if p, wait, err := lim.Book(int64(n), 0); err == nil && wait == 0 {
			granted.Add(int64(n))
			p.Release()
		}
	case 5:
		_ = lim.Wait(done)
	case 6:
		lim.Tokens()
		lim.Stats()
		lim.Quota()
	case 7:
		if lim.AllowN(time.Now(), n) {
			granted.Add(int64(n))
		}
	default:
		if lim.Allow() {
			granted.Add(1)
		}
	}
}

func TestTotalIsExactAndNeverDecreasesOnEveryWay(t *testing.T) {
	for kind, fresh := range kinds {
		lim := fresh(1e6, 1000)
		var granted, refused atomic.Uint64
		var all sync.WaitGroup
		stop := make(chan struct{})
		all.Go(func() {
			var last uint64
			for {
				s := lim.Stats()
				require.GreaterOrEqual(t, s.Total, last, kind)
				last = s.Total
				select {
				case <-stop:
					return
				default:
				}
				if last%5 == 0 {
					lim.SetBurst(1000)
				}
			}
		})
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for range 30_000 {
					if lim.Allow() {
						granted.Add(1)
					} else {
						refused.Add(1)
					}
				}
			})
		}
		callers.Wait()
		close(stop)
		all.Wait()
		s := lim.Stats()
		require.Equal(t, granted.Load(), s.Total, kind)
		require.Equal(t, refused.Load(), s.Refused, kind)
	}
}

func TestALeaseIsVoidAfterAChangeAndSeenByAll(t *testing.T) {
	lease := func() *rate.Limiter {
		lim := rate.NewHighRate(1, 1000)
		require.True(t, lim.Allow()) // buys
		require.True(t, lim.Allow())
		return lim
	}
	lim := lease()
	require.InDelta(t, 998, lim.Tokens(), 0.9)
	require.EqualValues(t, 2, lim.Stats().Total)
	_, remaining, _, _ := lim.Quota()
	require.EqualValues(t, 998, remaining)

	require.True(t, lim.AllowN(time.Now(), 998), "all that is there, wherever it is")
	require.False(t, lim.Allow())

	lim = lease()
	lim.SetBurst(0)
	require.False(t, lim.Allow(), "no burst, no lease")

	lim = lease()
	lim.SetBurst(10)
	for range 10 {
		require.True(t, lim.Allow())
	}
	require.False(t, lim.Allow())

	lim = lease()
	require.Zero(t, lim.ReserveN(time.Now(), 998).Delay())
	require.NotZero(t, lim.Reserve().Delay())
	require.False(t, lim.Allow())

	lim = lease()
	lim.SetLimit(0)
	for range 998 {
		require.NoError(t, lim.Wait(t.Context()))
	}
	require.Error(t, lim.Wait(t.Context()))
}

func TestAnIdleTimeMayLeaveAnEighthOfTheBurstMissingAndNoMore(t *testing.T) {
	now := time.Now()
	lim := rate.NewHighRate(1000, 800)
	require.True(t, lim.AllowN(now, 1)) // buys 100
	for range 100 {
		require.True(t, lim.AllowN(now, 1))
	}
	later := now.Add(time.Hour)
	require.Equal(t, 700.0, lim.TokensAt(later))
	require.False(t, lim.AllowN(later, 701))
	require.True(t, lim.AllowN(later, 700))
	require.Equal(t, 800.0, rate.NewHighRate(1, 800).TokensAt(later))
}
