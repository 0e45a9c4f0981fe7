package limiter_test

// This file tests who is said to hold a limit.

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
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

func TestWatchingCostsNothingUntilItIsAskedFor(t *testing.T) {
	w := limiter.Watch(&foreign{free: 1})
	ctx := context.Background()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p, _ := w.Take(ctx, 1)
		p.Release()
	}))
}
