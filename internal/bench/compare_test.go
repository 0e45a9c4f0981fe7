package main

// This file tests the measuring with a clock of its own, and that every row runs.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A clock that only the sides of a comparison move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func (c *clock) costs(each time.Duration) func(int) {
	return func(n int) { c.t = c.t.Add(time.Duration(n) * each) }
}

func TestARatioIsThePeersTimeOverOurs(t *testing.T) {
	var c clock
	r := compare(row{theirs: c.costs(30 * time.Microsecond), ours: c.costs(10 * time.Microsecond)}, 6, time.Second, c.now)
	require.Equal(t, result{theirs: 30 * time.Microsecond, ours: 10 * time.Microsecond, ratio: 3, low: 3, high: 3}, r)
}

func TestOneDisturbedRoundDoesNotMoveTheMedian(t *testing.T) {
	var c clock
	calls := 0
	disturbed := func(n int) {
		if calls++; calls == 20 { // one of the last rounds
			c.costs(time.Millisecond)(n)
		}
		c.costs(10 * time.Microsecond)(n)
	}
	r := compare(row{theirs: c.costs(10 * time.Microsecond), ours: disturbed}, 9, time.Second, c.now)
	require.EqualValues(t, 1, r.ratio)
	require.Less(t, r.low, 0.1, "the disturbance was not planted")
}

func TestTheSlowerSideSetsTheLengthOfARound(t *testing.T) {
	var c clock
	most := 0
	slow := func(n int) { most = max(most, n); c.costs(time.Millisecond)(n) }
	compare(row{theirs: c.costs(time.Microsecond), ours: slow}, 6, 100*time.Millisecond, c.now)
	require.Equal(t, 100, most)
}

func TestTheMedianOfAnEvenNumberIsTheMeanOfTheMiddle(t *testing.T) {
	require.EqualValues(t, 2.5, median([]float64{4, 1, 3, 2}))
	require.EqualValues(t, 2, median([]float64{3, 1, 2}))
}

// Each row is run for real, though too short to say anything: a comparison
// that hangs or crashes must not be found at the time of the claim.
func TestEveryRowRuns(t *testing.T) {
	for _, s := range suites {
		for _, r := range s.rows() {
			t.Run(s.name+"/"+r.shape, func(*testing.T) {
				r.theirs(3)
				r.ours(3)
			})
		}
	}
}
