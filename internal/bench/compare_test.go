package main

// This file tests the measuring with a clock of its own, and that every row runs.

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/bench/report"
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
	r := compare(row{theirs: c.costs(30 * time.Microsecond), ours: c.costs(10 * time.Microsecond)}, setting{counts: 6, length: time.Second, now: c.now})
	require.Equal(t, report.Row{Theirs: 30_000, Ours: 10_000, Ratio: 3, Low: 3, High: 3}, r)
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
	r := compare(row{theirs: c.costs(10 * time.Microsecond), ours: disturbed}, setting{counts: 9, length: time.Second, now: c.now})
	require.EqualValues(t, 1, r.Ratio)
	require.Less(t, r.Low, 0.1, "the disturbance was not planted")
}

func TestTheSlowerSideSetsTheLengthOfARound(t *testing.T) {
	var c clock
	most := 0
	slow := func(n int) { most = max(most, n); c.costs(time.Millisecond)(n) }
	compare(row{theirs: c.costs(time.Microsecond), ours: slow}, setting{counts: 6, length: 100 * time.Millisecond, now: c.now})
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
	compare(r, setting{counts: 1, length: 10 * time.Millisecond, now: c.now})
	require.Equal(t, 80, most)
	compare(r, setting{counts: 1, length: 100 * time.Millisecond, now: c.now})
	require.Equal(t, 100, most)
}

func TestAFixedNumberOfOperationsIsKeptAndWarmedUp(t *testing.T) {
	var c clock
	var ns []int
	side := func(n int) { ns = append(ns, n); c.costs(time.Millisecond)(n) }
	compare(row{theirs: side, ours: side, n: 7}, setting{counts: 2, length: time.Hour, now: c.now})
	require.Equal(t, []int{7, 7, 7, 7, 7, 7}, ns)
}

func TestARatioIsShortOnlyWhereItsWholeIntervalIsBelowItsTarget(t *testing.T) {
	var c clock
	round := 0
	ours := func(n int) { // 2, 3 and 4 times as fast in turn, after some to warm up
		round++
		c.costs(time.Duration(12/(2+round%3)) * time.Microsecond)(n)
	}
	r := row{shape: "s", peer: "p", theirs: c.costs(12 * time.Microsecond), ours: ours, n: 10}
	for target, verdict := range map[float64]report.Verdict{0: "", 3: report.Holds, 3.01: report.Open, 4: report.Open, 4.01: report.Short} {
		r.target = target
		res := compare(r, setting{counts: 9, length: time.Second, now: c.now})
		require.Equal(t, []float64{2, 3, 4}, []float64{res.Low, res.Ratio, res.High})
		require.Equal(t, verdict, res.Verdict, "target %v", target)
	}
}

func TestACheckThatFailsIsShortWhateverTheRatio(t *testing.T) {
	var c clock
	for holds, verdict := range map[bool]report.Verdict{true: report.Holds, false: report.Short} {
		r := row{theirs: c.costs(2), ours: c.costs(1), target: 1, n: 5}
		r.check = func(n int) (string, bool) { return "found", n == 5 && holds }
		res := compare(r, setting{counts: 3, length: time.Second, now: c.now})
		require.Equal(t, verdict, res.Verdict)
		require.Equal(t, "found", res.Found)
		r.target = 0
		require.Equal(t, verdict, compare(r, setting{counts: 3, length: time.Second, now: c.now}).Verdict)
	}
}

func TestARowThatMeasuresByItselfIsJudgedByItsPairsAndByWhatItHasToKeep(t *testing.T) {
	const ms = float64(time.Millisecond)
	r := row{
		sample: func(int) (theirs, ours []float64) {
			return []float64{300 * ms, 400 * ms, 900 * ms}, []float64{ms, 2 * ms, 3 * ms}
		},
		target: 300,
		within: [2]time.Duration{2 * time.Millisecond, 3 * time.Millisecond},
	}
	all := setting{counts: 6, length: time.Second, now: time.Now}
	require.Equal(t, report.Row{
		Theirs: 400 * ms, Ours: 2 * ms, Ratio: 300, Low: 200, High: 300, Target: 300, Verdict: report.Holds,
		Found: "p50 2.00 ms, p99 3.00 ms of 18; theirs 400.00 ms, 900.00 ms",
	}, compare(r, all))
	r.target = 301
	require.Equal(t, report.Short, compare(r, all).Verdict)
	r.target = 0
	r.within[0] -= time.Microsecond
	require.Equal(t, report.Open, compare(r, all).Verdict, "the median is later, but some are not")
	r.within = [2]time.Duration{2 * time.Millisecond, 3*time.Millisecond - 1}
	require.Equal(t, report.Short, compare(r, all).Verdict, "the latest of each round is later")
}

func TestAQuickRunHasShorterAndFewerRounds(t *testing.T) {
	var c clock
	rounds, most := 0, 0
	ours := func(n int) { rounds++; most = max(most, n); c.costs(time.Millisecond)(n) }
	quick := setting{counts: 6, length: 8 * time.Millisecond, quick: true, now: c.now}
	compare(row{theirs: c.costs(time.Millisecond), ours: ours, least: 80 * time.Millisecond}, quick)
	require.Equal(t, 20, most)
	rounds = 0
	compare(row{theirs: c.costs(time.Millisecond), ours: ours, n: 1, rounds: 100}, quick)
	require.Equal(t, quickRounds+1, rounds)
	asked := 0
	compare(row{sample: func(most int) (theirs, ours []float64) { asked = most; return []float64{2}, []float64{1} }}, quick)
	require.Equal(t, quickSamples, asked)
}

func TestTheProgressSaysHowFarItIs(t *testing.T) {
	p := &progress{done: 5, total: 20}
	line := p.line("rate", 10*time.Second)
	require.Contains(t, line, "["+strings.Repeat("=", 7)+strings.Repeat(" ", 23)+"] 5 of 20  rate, about 30s left")
	require.NotContains(t, (&progress{total: 20}).line("rate", 0), "left")
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
	require.EqualValues(t, 1, compare(r, setting{counts: 6, length: 80 * time.Millisecond, now: c.now}).Ratio)
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
