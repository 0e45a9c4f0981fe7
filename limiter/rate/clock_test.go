package rate_test

// This file tests clocks: those that callers hand in, and those of bubbles.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/rate"
)

func TestTimesWithoutAMonotonicReadingMixWithThoseThatHaveOne(t *testing.T) {
	lim := rate.NewLimiter(rate.Every(time.Hour), 10)
	now := time.Now()
	for i, at := range []time.Time{now.Round(0), now, now.UTC(), now.UTC().Round(0), now.Round(0).Local()} {
		require.True(t, lim.AllowN(at, 2), i)
		require.InDelta(t, 8-2*float64(i), lim.TokensAt(at), 0.01)
	}
	require.False(t, lim.Allow())
	r := lim.ReserveN(now.UTC().Round(0), 1)
	require.InDelta(t, float64(time.Hour), float64(r.Delay()), float64(time.Minute))
	r.CancelAt(now.Round(0))
	require.InDelta(t, 0, lim.Tokens(), 0.01)
}

func TestALimiterServesWaitsInOneBubbleAndAtOnceInTheNext(t *testing.T) {
	for kind, fresh := range kinds {
		lim := fresh(rate.Every(time.Hour), 1) // outside
		for i := range 3 {
			synctest.Test(t, func(t *testing.T) {
				lim.Allow()
				began := time.Now()
				require.NoError(t, lim.Wait(t.Context()), kind)
				require.Equal(t, time.Hour, time.Since(began), "%s, bubble %d: a clock that went back a little gives and takes nothing", kind, i)
				permit, err := lim.Take(t.Context(), 1)
				require.NoError(t, err)
				permit.Settle(0)
				permit.Release()
			})
			require.LessOrEqual(t, lim.Tokens(), 1.0)
		}
		lim.Allow()
		require.False(t, lim.Allow(), kind)
	}
}

// A process that is stopped (SIGSTOP, a frozen container) goes on with readings of
// the clock that are as old as that took. They are not of another clock, by
// which the time until now would be gained once more.
func TestAReadingFromBeforeTheProcessWasStoppedGainsNothing(t *testing.T) {
	for kind, fresh := range kinds {
		lim := fresh(rate.Every(time.Minute), 10)
		for range 10 {
			require.True(t, lim.Allow(), kind)
		}
		for range 10 {
			rate.TryLate(lim, 1, 10*time.Minute)
			require.False(t, lim.Allow(), kind)
		}
	}
}

func TestALimiterMadeInABubbleServesOutside(t *testing.T) {
	for kind, fresh := range kinds {
		var lim *rate.Limiter
		synctest.Test(t, func(t *testing.T) {
			lim = fresh(rate.Every(time.Hour), 100)
			require.True(t, lim.AllowN(time.Now(), 100))
			require.False(t, lim.Allow())
		})
		for range 100 {
			require.True(t, lim.Allow(), "%s: decades have passed", kind)
		}
		require.False(t, lim.Allow(), kind)
		synctest.Test(t, func(t *testing.T) {
			require.False(t, lim.Allow(), kind)
			time.Sleep(time.Hour)
			require.True(t, lim.Allow(), kind)
		})
	}
}

func TestExtremeTimesOverflowNothing(t *testing.T) {
	for _, perSecond := range []rate.Limit{0, 1e-300, 1e-9, 1, 1e12, rate.Inf} {
		lim := rate.NewLimiter(perSecond, 3)
		for _, at := range []time.Time{{}, time.Unix(1<<40, 0), time.Unix(-1<<40, 0), time.Now(), {}, time.Now().Add(1<<63 - 1)} {
			lim.AllowN(at, 1)
			r := lim.ReserveN(at, 1)
			require.GreaterOrEqual(t, r.DelayFrom(at), time.Duration(0))
			r.CancelAt(at)
			lim.SetLimitAt(at, perSecond)
			require.LessOrEqual(t, lim.TokensAt(at), 3.0)
			require.GreaterOrEqual(t, lim.TokensAt(at), -10.0)
		}
	}
}
