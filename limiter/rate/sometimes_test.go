package rate_test

// This file tests the calls on which Sometimes runs its function.

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/rate"
)

// runs returns on which of n calls, pause apart, the function is run.
func runs(s *rate.Sometimes, n int, pause time.Duration) (on []int) {
	for i := range n {
		s.Do(func() { on = append(on, i) })
		time.Sleep(pause)
	}
	return on
}

func TestSometimesRunsOnTheCallsThatAnyFieldAsksFor(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *rate.Sometimes
		want []int
	}{
		"zero value":         {&rate.Sometimes{}, []int{0}},
		"first":              {&rate.Sometimes{First: 3}, []int{0, 1, 2}},
		"every":              {&rate.Sometimes{Every: 4}, []int{0, 4, 8}},
		"interval":           {&rate.Sometimes{Interval: 3 * time.Second}, []int{0, 3, 6, 9}},
		"first and every":    {&rate.Sometimes{First: 2, Every: 5}, []int{0, 1, 5}},
		"first and interval": {&rate.Sometimes{First: 2, Interval: 4 * time.Second}, []int{0, 1, 5, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { require.Equal(t, tc.want, runs(tc.s, 10, time.Second)) })
		})
	}
}

func TestAPanicInTheFuncOfSometimesReachesTheCallerAndDoesNotCount(t *testing.T) {
	s := rate.Sometimes{First: 1}
	require.PanicsWithValue(t, "boom", func() { s.Do(func() { panic("boom") }) })
	ran := false
	s.Do(func() { ran = true })
	require.True(t, ran)
	s.Do(func() { t.Error("ran a second time") })
}

func TestCallsOfSometimesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rate.Sometimes{Every: 1}
		began, n := time.Now(), 0 // guarded by the turns
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { s.Do(func() { time.Sleep(time.Second); n++ }) })
		}
		all.Wait()
		require.Equal(t, 10, n)
		require.Equal(t, 10*time.Second, time.Since(began), "a wait for a turn must be durable in a bubble")
	})
}
