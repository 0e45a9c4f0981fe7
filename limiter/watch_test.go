package limiter_test

// This file tests who is said to hold a limit.

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

// leak takes from a limit and forgets to give back.
func leak(t *testing.T, l limiter.Limiter, n int64) limiter.Permit {
	p, err := l.Take(t.Context(), n)
	require.NoError(t, err)
	return p
}

func TestAHolderIsNamedWithItsAgeAndTheLineThatTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limiter.Watch(&foreign{free: 10})
		w.Track(true)
		first := leak(t, w, 3)
		time.Sleep(time.Minute)
		second, err := w.TryTake(1)
		require.NoError(t, err)
		time.Sleep(time.Second)

		holders := w.Holders()
		require.Len(t, holders, 2)
		require.EqualValues(t, 3, holders[0].Units)
		require.Equal(t, 61*time.Second, holders[0].Age)
		require.True(t, strings.HasPrefix(holders[0].Stack, "github.com/belay-go/belay/limiter_test.leak\n"), holders[0].Stack)
		require.Contains(t, holders[0].Stack, "limiter/watch_test.go:")
		require.Equal(t, time.Second, holders[1].Age)
		require.True(t, strings.HasPrefix(holders[0].String(), "3 held for 1m1s by\n"+holders[0].Stack), holders[0])

		first.Release()
		require.Len(t, w.Holders(), 1)
		first.Release()
		second.Release()
		require.Empty(t, w.Holders())
	})
}

func TestWhatWasTakenWhileNobodyTrackedIsGivenBackAllTheSame(t *testing.T) {
	l := &foreign{free: 2}
	w := limiter.Watch(l)
	before := leak(t, w, 1)
	require.Empty(t, w.Holders())
	w.Track(true)
	during := leak(t, w, 1)
	require.Len(t, w.Holders(), 1)
	w.Track(false)
	before.Release()
	during.Release()
	require.Empty(t, w.Holders())
	require.EqualValues(t, 2, l.left())
}

func TestAWatchedPermitSettlesWhatItHolds(t *testing.T) {
	l := &foreign{free: 10}
	w := limiter.Watch(l)
	w.Track(true)
	p := leak(t, w, 8)
	p.Settle(3)
	require.EqualValues(t, 7, l.left())
	require.EqualValues(t, 3, w.Holders()[0].Units)
	p.Release()
	require.EqualValues(t, 10, l.left())

	events := rate.NewLimiter(1, 10)
	r := limiter.Watch(events)
	r.Track(true)
	p = leak(t, r, 1)
	p.Settle(5)
	require.InDelta(t, 5, events.Tokens(), 0.5)
	p.Release()
	require.InDelta(t, 5, events.Tokens(), 0.5)
}

func TestAHolderIsShownWithWhatItHoldsNotWithWhatItWasSettledFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places, events := semaphore.NewWeighted(10), rate.NewLimiter(1, 100)
		inner := limiter.Watch(places)
		inner.Track(true)
		for name, of := range map[string]struct {
			limit    limiter.Limiter
			settles  []int64
			expected []int64
		}{
			"a semaphore":                    {places, []int64{2, 100, 1, 1, 0}, []int64{2, 2, 1, 1, 0}},
			"a semaphore that is watched":    {inner, []int64{2, 100, 1, 1, 0}, []int64{2, 2, 1, 1, 0}},
			"a stranger":                     {&foreign{free: 9}, []int64{4, 100, 3}, []int64{4, 4, 3}},
			"a rate":                         {events, []int64{2, 9, 9, 1}, []int64{2, 9, 9, 1}},
			"rates":                          {limiter.All(events, events), []int64{2, 9, 9, 1}, []int64{2, 9, 9, 1}},
			"places and a rate":              {limiter.All(events, places), []int64{2, 9}, []int64{5, 5}},
			"a shadow of places, and a rate": {limiter.All(limiter.Shadow(semaphore.NewWeighted(0)), events), []int64{2, 9}, []int64{2, 9}},
		} {
			w := limiter.Watch(of.limit)
			w.Track(true)
			p := leak(t, w, 5)
			require.EqualValues(t, 5, w.Holders()[0].Units, name)
			for i, cost := range of.settles {
				p.Settle(cost)
				require.Equal(t, of.expected[i], w.Holders()[0].Units, "%s, settled for %d", name, cost)
			}
			p.Release()
			p.Settle(3)
			require.Empty(t, w.Holders(), name)
			require.Zero(t, places.Stats().InFlight, name)
			require.Empty(t, inner.Holders(), name)
		}
	})
}

func TestSettlesThatMeetShowWhatTheyCameTo(t *testing.T) {
	var owed owing
	places := semaphore.NewWeighted(1 << 30)
	w, r := limiter.Watch(places), limiter.Watch(&owed)
	w.Track(true)
	r.Track(true)
	for range 1000 {
		p, q := leak(t, w, 1000), leak(t, r, 1000)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { p.Settle(rand.Int64N(1000)) })
			all.Go(func() { q.Settle(rand.Int64N(2000)) })
		}
		all.Wait()
		require.Equal(t, places.Stats().InFlight, w.Holders()[0].Units)
		require.Equal(t, owed.out.Load(), r.Holders()[0].Units)
		p.Release()
		q.Release()
	}
	require.Zero(t, places.Stats().InFlight+owed.out.Load())
}

func TestWhoWasLetOffByAShadowIsNoHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, empty := limiter.Shadow(semaphore.NewWeighted(0)), limiter.Shadow(rate.NewLimiter(0, 0))
		for _, l := range []limiter.Limiter{full, empty, limiter.Watch(full), limiter.All(full, empty), limiter.All()} {
			w := limiter.Watch(l)
			w.Track(true)
			p := leak(t, w, 5)
			require.Empty(t, w.Holders())
			p.Settle(7)
			require.Empty(t, w.Holders())
			p.Release()
		}
		w := limiter.Watch(empty)
		w.Track(true)
		both := limiter.All(w, rate.NewLimiter(1, 9)) // books
		p := leak(t, both, 5)
		require.Empty(t, w.Holders())
		p.Release()
	})
}

func TestWatchingCostsNothingUntilItIsAskedFor(t *testing.T) {
	w := limiter.Watch(&foreign{free: 1})
	ctx := context.Background()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p, _ := w.Take(ctx, 1)
		p.Release()
	}))
}
