package timeout_test

// This file holds the tests of Wait, for a sync.WaitGroup that has to stay one.

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

func TestAWaitForAStandardGroupEndsWithItsLastTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		began := time.Now()
		wg.Go(func() { time.Sleep(3 * time.Second) })
		require.False(t, timeout.Wait(&wg, time.Hour))
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestAWaitForAStandardGroupGivesUpInTimeAndItsHelperEndsAtZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		wg.Add(1)
		began := time.Now()
		require.True(t, timeout.Wait(&wg, time.Second))
		require.Equal(t, time.Second, time.Since(began))
		wg.Done() // the bubble can't end before the helper has
	})
}

func TestAStandardGroupAtZeroIsSeenWhateverTheDuration(t *testing.T) {
	var wg sync.WaitGroup
	for _, d := range []time.Duration{math.MinInt64, -1, 0, 1, time.Millisecond, time.Second, math.MaxInt64} {
		for range 200 {
			require.False(t, timeout.Wait(&wg, d), d)
		}
	}
}

func TestADurationThatHasPassedLetsNoTimePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		wg.Add(1)
		began := time.Now()
		for _, d := range []time.Duration{0, -1, math.MinInt64} {
			require.True(t, timeout.Wait(&wg, d))
		}
		require.Zero(t, time.Since(began))
		wg.Done()
	})
}

func TestTheLongestWaitForAStandardGroupNeverExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		wg.Add(1)
		time.AfterFunc(365*24*time.Hour, wg.Done)
		require.False(t, timeout.Wait(&wg, math.MaxInt64))
	})
}

func TestWhatTheTasksOfAStandardGroupWroteIsVisible(t *testing.T) {
	// The race detector is what judges here.
	for range 200 {
		var wg sync.WaitGroup
		result := 0
		wg.Go(func() { result = 1 })
		require.False(t, timeout.Wait(&wg, time.Minute))
		require.Equal(t, 1, result)
	}
}

func TestManyMayWaitForOneStandardGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		wg.Add(1)
		got := make(chan bool)
		for i := range 10 {
			go func() { got <- timeout.Wait(&wg, time.Duration(i)*time.Second) }() // ends by its time or with wg
		}
		time.AfterFunc(5*time.Second-1, wg.Done)
		timedOut := 0
		for range 10 {
			if <-got {
				timedOut++
			}
		}
		require.Equal(t, 5, timedOut)
	})
}

func TestAWaitForNoGroupPanics(t *testing.T) {
	require.PanicsWithValue(t, "timeout: Wait of a nil WaitGroup", func() { timeout.Wait(nil, 0) })
}
