package adaptive_test

// This file tests what misuse leaves behind: nothing, and no lock.

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

func TestAZeroLimiterSaysUseNewHoweverOftenItIsAsked(t *testing.T) {
	l := new(adaptive.Limiter)
	for range 2 { // the second finds no lock held
		for name, call := range map[string]func(){
			"Take":        func() { _, _ = l.Take(t.Context(), 1) },
			"TryTake":     func() { _, _ = l.TryTake(1) },
			"Acquire":     func() { _ = l.Acquire(t.Context(), 1) },
			"TryAcquire":  func() { l.TryAcquire(1) },
			"Caller.Take": func() { _, _ = l.For("someone", 1).Take(t.Context(), 1) },
			"SetMax":      func() { l.SetMax(1) },
			"State":       func() { l.State() },
			"Stats":       func() { l.Stats() },
			"Release":     func() { l.Release(1) },
		} {
			text := "adaptive: use New"
			if name == "Release" { // as of every limiter that nothing is taken from
				text = "adaptive: released more than held"
			}
			if name == "State" || name == "Stats" {
				require.NotPanics(t, call, name) // a limit of nothing
				continue
			}
			require.PanicsWithValue(t, text, call, name)
		}
	}
}

func TestOptionsHaveTheDefaultsOfTheirDocs(t *testing.T) {
	limit := func(o adaptive.Options) int64 { return adaptive.New(o).Stats().Limit }
	require.EqualValues(t, 20, limit(adaptive.Options{}))
	require.EqualValues(t, 10_000, limit(adaptive.Options{Initial: 50_000}))
	require.EqualValues(t, 1_000_000, limit(adaptive.Options{Initial: 5_000_000, Max: 5_000_000}))
	require.EqualValues(t, 1_000_000, limit(adaptive.Options{Min: 5_000_000}))
	require.EqualValues(t, 30, limit(adaptive.Options{Min: 30}))
	require.EqualValues(t, 20_000, limit(adaptive.Options{Min: 20_000}))
	require.EqualValues(t, 7, limit(adaptive.Options{Max: 7}))
	require.EqualValues(t, 1, limit(adaptive.Options{Initial: 1}))
	require.NotPanics(t, func() { adaptive.New(adaptive.Options{Min: 3, Max: 3}) })
}

func TestMinFollowsAMaxThatIsSetBelowIt(t *testing.T) {
	l := adaptive.New(adaptive.Options{Min: 5, Max: 10, Initial: 1})
	require.EqualValues(t, 5, l.Stats().Limit)
	l.SetMax(2)
	require.EqualValues(t, 2, l.Stats().Limit)
	l.SetMax(10)
	require.EqualValues(t, 2, l.Stats().Limit, "and stays there")
	require.ErrorIs(t, second(l.TryTake(11)), limiter.ErrTooLarge)
	l.SetMax(3_000_000)
	require.ErrorIs(t, second(l.TryTake(1_000_001)), limiter.ErrTooLarge)
}
