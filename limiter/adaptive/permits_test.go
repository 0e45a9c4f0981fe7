package adaptive_test

// This file tests that what a permit says at its end, and what it gives back before,
// is counted once, of the limiter that it is from.

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

// outcomes are the ways in which a permit ends, with what of three units is then in
// the account: done, and dropped.
var outcomes = map[string]struct {
	end           func(limiter.Permit)
	done, dropped int64
}{
	"Release": {limiter.Permit.Release, 3, 0},
	"Drop":    {limiter.Permit.Drop, 0, 3},
	"Ignore":  {limiter.Permit.Ignore, 0, 0},
}

func endAgain(p limiter.Permit) {
	for _, o := range outcomes {
		o.end(p)
	}
	p.Settle(0)
	p.Settle(5)
}

func TestAPermitCountsOnceHoweverOftenItEnds(t *testing.T) {
	for name, o := range outcomes {
		synctest.Test(t, func(t *testing.T) {
			l := adaptive.New(adaptive.Options{})
			account := adaptive.AccountOf(l)
			watched := limiter.Watch(l)
			watched.Track(true)
			for kind, from := range map[string]limiter.Limiter{
				"its own":   l,
				"a caller":  l.For("someone", 1),
				"watched":   watched,
				"a bundle":  limiter.All(semaphore.NewWeighted(9), l, rate.NewLimiter(1, 9)),
				"of shadow": limiter.Shadow(l),
			} {
				account.Read(time.Hour) // begins a window
				p, err := from.TryTake(3)
				require.NoError(t, err, kind)
				stale := p
				require.EqualValues(t, 3, l.Stats().InFlight, kind)
				o.end(p)
				endAgain(stale)
				require.Zero(t, l.Stats().InFlight, kind)
				next, err := l.TryTake(1) // has the lease of the last one
				require.NoError(t, err)
				endAgain(stale)
				require.EqualValues(t, 1, l.Stats().InFlight, kind)
				next.Ignore()
				w := account.Read(time.Hour)
				require.Equal(t, float64(o.done), w.Done, "%s by %s", kind, name)
				require.Equal(t, float64(o.done+o.dropped), w.Arrived, "%s by %s", kind, name)
			}
			require.Empty(t, watched.Holders())
		})
	}
}

func TestWhatIsSettledIsAsIfItHadNotBeenTaken(t *testing.T) {
	for name, o := range outcomes {
		synctest.Test(t, func(t *testing.T) {
			l := adaptive.New(adaptive.Options{})
			account := adaptive.AccountOf(l)
			p, err := l.Take(t.Context(), 10)
			require.NoError(t, err)
			time.Sleep(time.Second)
			p.Settle(7)
			require.EqualValues(t, 7, l.Stats().InFlight)
			p.Settle(9) // not without asking
			p.Settle(3)
			require.EqualValues(t, 3, l.Stats().InFlight)
			require.EqualValues(t, 10, l.Stats().Total)
			time.Sleep(time.Second)
			o.end(p)
			stats := l.Stats()
			require.Zero(t, stats.InFlight, name)
			require.EqualValues(t, 10, stats.Total, name)
			w := account.Read(adaptive.Reading())
			require.Equal(t, float64(o.done), w.Done, name)
			require.InDelta(t, float64(o.done+o.dropped)*2, w.Area, 1e-3, name)
		})
	}
}

func TestSettledToNothingAPermitStillEnds(t *testing.T) {
	l := adaptive.New(adaptive.Options{Max: 2})
	for _, o := range outcomes {
		p, err := l.TryTake(2)
		require.NoError(t, err)
		p.Settle(0)
		require.Zero(t, l.Stats().InFlight)
		other, err := l.TryTake(2)
		require.NoError(t, err)
		o.end(p)
		endAgain(p)
		require.EqualValues(t, 2, l.Stats().InFlight)
		other.Release()
	}
	require.Zero(t, l.Stats().InFlight)
}

// What a composition takes and can't use is not work that took no time.
func TestWhatACompositionGivesBackTeachesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := adaptive.New(adaptive.Options{})
		account := adaptive.AccountOf(l)
		slow := rate.NewLimiter(1, 1)
		both := limiter.All(l, slow)
		_, err := both.TryTake(1)
		require.NoError(t, err)
		for range 1000 {
			_, err := both.TryTake(1)
			require.ErrorIs(t, err, limiter.ErrLimited)
		}
		require.EqualValues(t, 1, l.Stats().InFlight)
		w := account.Read(adaptive.Reading())
		require.Zero(t, w.Done)
		require.Equal(t, 1., w.Arrived)
	})
}

// A lease goes from one limiter to the next, so whatever comes after its end must
// not reach the second.
func TestASettleBesideAnEndNeverReachesAnotherLimiter(t *testing.T) {
	limits := [2]*adaptive.Limiter{adaptive.New(adaptive.Options{Max: 100, Initial: 100}), adaptive.New(adaptive.Options{Max: 100, Initial: 100})}
	ends := []func(limiter.Permit){limiter.Permit.Release, limiter.Permit.Drop, limiter.Permit.Ignore}
	const rounds = 8_000
	var turn atomic.Int64
	var arrived [2]atomic.Int64
	var permit limiter.Permit
	var both sync.WaitGroup
	for side := range 2 {
		both.Go(func() {
			random := rand.New(rand.NewPCG(uint64(side), 1))
			for r := int64(1); r <= rounds; r++ {
				for turn.Load() != r {
					runtime.Gosched()
				}
				if side == 0 {
					permit.Settle(random.Int64N(10))
				} else {
					ends[r%3](permit)
					p, err := limits[r&1].TryTake(1) // the lease is its own at once
					if err == nil {
						p.Release()
					}
				}
				arrived[side].Store(r)
			}
		})
	}
	lost := 0
	for r := int64(1); r <= rounds; r++ {
		permit, _ = limits[1-r&1].TryTake(10)
		turn.Store(r)
		for arrived[0].Load() != r || arrived[1].Load() != r {
			runtime.Gosched()
		}
		if limits[0].Stats().InFlight != 0 || limits[1].Stats().InFlight != 0 {
			lost++
		}
	}
	both.Wait()
	require.Zero(t, lost)
}
