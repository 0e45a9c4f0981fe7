package main

// This file tests the measuring with a clock of its own, and that every row runs.

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test binary plays its own child, as the command does.
func TestMain(m *testing.M) {
	if !echoChild() {
		os.Exit(m.Run())
	}
}

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

func TestARowsLeastLengthHoldsWhereTheGivenOneIsShorter(t *testing.T) {
	var c clock
	most := 0
	side := func(n int) { most = max(most, n); c.costs(time.Millisecond)(n) }
	r := row{theirs: side, ours: side, least: 80 * time.Millisecond}
	compare(r, 1, 10*time.Millisecond, c.now)
	require.Equal(t, 80, most)
	compare(r, 1, 100*time.Millisecond, c.now)
	require.Equal(t, 100, most)
}

func TestAFixedNumberOfOperationsIsKeptAndWarmedUp(t *testing.T) {
	var c clock
	var ns []int
	side := func(n int) { ns = append(ns, n); c.costs(time.Millisecond)(n) }
	compare(row{theirs: side, ours: side, n: 7}, 2, time.Hour, c.now)
	require.Equal(t, []int{7, 7, 7, 7, 7, 7}, ns)
}

func TestARatioIsShortOnlyBelowItsTarget(t *testing.T) {
	var c clock
	r := row{shape: "s", peer: "p", theirs: c.costs(30 * time.Microsecond), ours: c.costs(10 * time.Microsecond)}
	for target, verdict := range map[float64]string{0: "|  |  |", 3: "| 3.00 | ok |", 3.01: "| 3.01 | SHORT |"} {
		r.target = target
		require.Equal(t, "| s | p | 30µs | 10µs | 3.00 | 3.00-3.00 "+verdict, line(r, compare(r, 3, time.Second, c.now)))
	}
}

func TestACheckThatFailsIsShortWhateverTheRatio(t *testing.T) {
	var c clock
	for holds, verdict := range map[bool]string{true: "ok", false: "SHORT"} {
		r := row{theirs: c.costs(2), ours: c.costs(1), target: 1, n: 5}
		r.check = func(n int) (string, bool) { return "found", n == 5 && holds }
		require.Contains(t, line(r, compare(r, 3, time.Second, c.now)), "| 1.00 | "+verdict+", found |")
	}
}

func TestARowThatMeasuresByItselfHasTheRatioOfItsMedians(t *testing.T) {
	const ms = float64(time.Millisecond)
	r := row{
		sample: func(int) (theirs, ours []float64) {
			return []float64{300 * ms, 200 * ms, 900 * ms}, []float64{ms, 2 * ms, 3 * ms}
		},
		target: 150,
		within: [2]time.Duration{2 * time.Millisecond, 3 * time.Millisecond},
	}
	res := compare(r, 6, time.Second, time.Now)
	require.Equal(t, result{
		theirs: 300 * time.Millisecond, ours: 2 * time.Millisecond, ratio: 150, low: 150, high: 150,
		found: "p50 2.00 ms, p99 3.00 ms of 18; theirs 300.00 ms, 900.00 ms",
	}, res)
	r.target = 151
	require.True(t, compare(r, 6, time.Second, time.Now).short)
	for i := range r.within {
		late := r
		late.target = 0
		require.False(t, compare(late, 6, time.Second, time.Now).short)
		late.within[i] -= time.Microsecond
		require.True(t, compare(late, 6, time.Second, time.Now).short)
	}
}

func TestAPercentileIsTheLeastThatSoManyDoNotExceed(t *testing.T) {
	var xs []float64
	for i := range 200 {
		xs = append(xs, float64(200-i))
	}
	require.EqualValues(t, 198, percentile(xs, 99))
	require.EqualValues(t, 100, percentile(xs, 50))
	require.EqualValues(t, 7, percentile([]float64{7}, 99))
}

func TestManyRoundsTellWithinWhatTheirMedianIs(t *testing.T) {
	var xs []float64
	for i := range 101 {
		xs = append(xs, float64(i))
	}
	low, high := confidence(xs)
	// 40 and 60 are the tables' figures for 100 rounds.
	require.InDelta(t, 39.5, low, 1)
	require.InDelta(t, 60.5, high, 1)
	low, high = confidence([]float64{1, 2})
	require.Equal(t, []float64{1, 2}, []float64{low, high})
}

func TestWhatBothSidesUseIsRenewedBeforeAndWithinManyRounds(t *testing.T) {
	var c clock
	side := c.costs(time.Millisecond)
	renewals, last := 0, 0
	ours := func(n int) { last = n; side(n) }
	r := row{theirs: side, ours: ours, rounds: 20, length: 5 * time.Millisecond, renew: func() { renewals++ }}
	require.Equal(t, "1.000, within 1.000-1.000", compare(r, 6, 80*time.Millisecond, c.now).found)
	require.Equal(t, 1+120/renewed, renewals)
	require.Equal(t, 5, last, "the row's own length")
}

// Each row is run for real, though too short to say anything: a comparison
// that hangs or crashes must not be found at the time of the claim.
func TestEveryRowRuns(t *testing.T) {
	for _, s := range suites {
		for _, r := range s.rows() {
			t.Run(s.name+"/"+r.shape, func(t *testing.T) {
				if r.sample != nil {
					t.Parallel() // some of theirs hang
					r.sample(1)
					return
				}
				if r.renew != nil {
					r.renew()
					r.renew()
				}
				r.theirs(3)
				r.ours(3)
				if r.check != nil {
					r.check(3)
				}
			})
		}
	}
}
