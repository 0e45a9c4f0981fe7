package adaptive_test

// This file holds what a limiter says of itself against what its callers saw, while
// they are at it.

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

// crowd counts what its members saw.
type crowd struct {
	l                                *adaptive.Limiter
	granted, refused, cancelled, ran atomic.Uint64
}

// act does one random thing, and undoes it.
func (c *crowd) act(random *rand.Rand) {
	n := 1 + random.Int64N(4)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch random.IntN(8) {
	case 0:
		cancel()
	case 1:
	default:
		defer time.AfterFunc(time.Duration(random.IntN(60))*time.Microsecond, cancel).Stop()
	}
	caller := c.l.For(string(rune('a'+random.IntN(3))), random.IntN(3))
	ends := []func(limiter.Permit){limiter.Permit.Release, limiter.Permit.Drop, limiter.Permit.Ignore}
	var p limiter.Permit
	var err error
	undo := func() { p.Settle(n / 2); ends[random.IntN(3)](p); p.Release() }
	switch random.IntN(6) {
	case 0:
		if c.l.TryAcquire(n) {
			undo = func() { c.l.Release(n) }
		} else {
			err = &limiter.RefusedError{Reason: limiter.ErrFull}
		}
	case 1:
		p, err = c.l.TryTake(n)
	case 2:
		err = c.l.Acquire(ctx, n)
		undo = func() { c.l.Release(n) }
	default:
		p, err = caller.Take(ctx, n)
	}
	c.ran.Add(1)
	var refused *limiter.RefusedError
	switch {
	case err == nil:
		c.granted.Add(uint64(n))
		undo()
	case errors.As(err, &refused):
		c.refused.Add(1)
	default:
		c.cancelled.Add(1)
	}
}

// run has many act at the same time, while another looks, if it is to.
func (c *crowd) run(each int, look func()) {
	var all, lookers sync.WaitGroup
	over := make(chan struct{})
	if look != nil {
		lookers.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					look()
					c.l.State()
					c.l.Quota()
				}
			}
		})
	}
	for g := range uint64(8) {
		all.Go(func() {
			random := rand.New(rand.NewPCG(g, 3))
			for range each {
				c.act(random)
			}
		})
	}
	all.Wait()
	close(over)
	lookers.Wait()
}

func TestNothingIsLostUnderLoad(t *testing.T) {
	for name, o := range map[string]adaptive.Options{
		"a limit that stays":       {Min: 6, Max: 6, Wait: -1},
		"a limit that moves":       {Initial: 4, WaitTime: true},
		"a short line":             {Min: 6, Max: 6, Queue: 2},
		"newest first, impatience": {Initial: 4, NewestFirst: true, Wait: 20 * time.Microsecond},
	} {
		c := &crowd{l: adaptive.New(o)}
		c.run(1000, nil)
		stats := c.l.Stats()
		require.Zero(t, stats.InFlight, name)
		require.Zero(t, stats.Waiting, name)
		require.Equal(t, c.refused.Load(), stats.Refused, name)
		require.Equal(t, c.cancelled.Load(), stats.Cancelled, name)
		require.GreaterOrEqual(t, stats.Total, c.granted.Load(), name) // what met a cancel went back
		require.LessOrEqual(t, stats.Total, c.granted.Load()+4*c.cancelled.Load(), name)
		require.True(t, c.l.TryAcquire(stats.Limit), name)
	}
}

func TestStatsAreOfOneInstantAndNeverGoBack(t *testing.T) {
	for name, o := range map[string]adaptive.Options{
		"stays": {Min: 6, Max: 6},
		"moves": {Min: 4, Initial: 4},
	} {
		c := &crowd{l: adaptive.New(o)}
		var last belay.Stats
		wrong := map[string]int{}
		count := func(what string, is bool) {
			if is {
				wrong[what]++
			}
		}
		c.run(1500, func() {
			s := c.l.Stats()
			count("total fell", s.Total < last.Total)
			count("more total than can have been", s.Total > 4*(c.ran.Load()+8))
			count("refused fell", s.Refused < last.Refused)
			count("cancelled fell", s.Cancelled < last.Cancelled)
			count("waited fell", s.Waited < last.Waited)
			count("less granted than in flight", s.Total+8*4 < uint64(s.InFlight)) // those at it are not counted yet
			count("more than the limit", name == "stays" && s.InFlight > s.Limit)
			count("below zero", s.InFlight < 0 || s.Waiting < 0 || s.Limit < 1)
			last = s
		})
		require.Empty(t, wrong, name)
	}
}

// Whoever ends a permit by Ignore takes it out of the account, but not out of what was
// granted; Total was too high for a moment, and fell.
func TestTotalNeverFallsWhileSomeAreIgnored(t *testing.T) {
	l := adaptive.New(adaptive.Options{})
	var all sync.WaitGroup
	var over atomic.Bool
	var granted atomic.Uint64
	for range 3 {
		all.Go(func() {
			for !over.Load() {
				granted.Add(2)
				if p, err := l.TryTake(2); err == nil {
					p.Settle(1)
					p.Ignore()
				}
			}
		})
	}
	fell, ahead := 0, 0
	last := uint64(0)
	for range 30_000 {
		total := l.Stats().Total
		if total < last {
			fell++
		}
		if total > granted.Load() {
			ahead++
		}
		last = total
	}
	over.Store(true)
	all.Wait()
	require.Zero(t, fell)
	require.Zero(t, ahead)
	require.Equal(t, granted.Load(), l.Stats().Total)
}

func TestWaitTimesAreThoseOfWhoWaitedAndAreMeasuredOnRequest(t *testing.T) {
	for _, timed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := fixed(1, adaptive.Options{WaitTime: timed})
			for range 3 {
				require.True(t, l.TryAcquire(1))
				c := start(func() (limiter.Permit, error) { return l.Take(t.Context(), 1) })
				time.Sleep(70 * time.Millisecond)
				l.Release(1)
				<-c.done
				c.permit.Release()
			}
			stats := l.Stats()
			require.EqualValues(t, 3, stats.Waited)
			var want belay.WaitHistogram
			if timed {
				for range 3 {
					want.Observe(70 * time.Millisecond)
				}
			}
			require.Equal(t, want, stats.WaitTime)
			require.EqualValues(t, 6, stats.Total)
		})
	}
}

func TestStateSaysWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := adaptive.New(adaptive.Options{Initial: 7})
		require.Equal(t, adaptive.State{Limit: 7}, l.State())
		play(l, func() int64 { return l.Stats().Limit }, 1, act{8 * time.Second, 10, 2000, 10 * time.Millisecond, false, 0})
		s := l.State()
		require.True(t, s.Overloaded)
		require.InDelta(t, 1000, s.Rate, 150)
		require.InDelta(t, 10, s.Knee, 3)
		require.InDelta(t, .01, s.Base.Seconds(), .003)
		require.Equal(t, l.Stats().Limit, s.Limit)
		limit, remaining, window, reset := l.Quota()
		require.Equal(t, s.Limit, limit)
		require.Equal(t, max(0, limit-l.Stats().InFlight), remaining)
		require.Zero(t, window+reset)
	})
}

func TestQuotaIsNeverBelowNothing(t *testing.T) {
	l := adaptive.New(adaptive.Options{Initial: 9})
	require.True(t, l.TryAcquire(9))
	l.SetMax(4)
	limit, remaining, _, _ := l.For("someone", 1).Quota()
	require.Equal(t, []int64{4, 0}, []int64{limit, remaining})
	require.False(t, l.TryAcquire(1))
	l.Release(6)
	_, remaining, _, _ = l.Quota()
	require.EqualValues(t, 1, remaining)
	require.True(t, l.TryAcquire(1))
	l.SetMax(100)
	require.EqualValues(t, 9, l.Stats().Limit, "as at first")
}
