package main

// This file measures: two sides in turn, the medians of what they took, and
// whether that is what we claim.

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/belay-go/belay/internal/bench/report"
)

// row is one comparison. Each side does n operations of the same kind.
type row struct {
	shape string // what is done, and how
	peer  string // whom it is compared with
	theirs,
	ours func(n int)

	target float64       // the least ratio that we claim; zero: none
	n      int           // operations in a round; zero: as many as its length has room for
	least  time.Duration // a round is at least that long, unless n is set
	rounds int           // so many times the rounds that are asked for; zero: as many
	length time.Duration // of a round, in the place of the one that is asked for
	// renew, where it is set, makes what both sides use, in the place of what it
	// made before: it is called first, and again now and then, for what one pair
	// owes to its place in memory is no difference between the sides.
	renew func()
	// check has ours do n operations once more, and says whether a bound holds
	// that is not about time; nil: there is none.
	check func(n int) (found string, holds bool)

	// sample, where it is set, is in the place of theirs and ours: it measures
	// something else than the time of n operations, in nanoseconds, several times
	// on each side, which are pairs, but not more often than it is told. Ours has to
	// keep its median and its 99th percentile within.
	sample func(most int) (theirs, ours []float64)
	within [2]time.Duration

	slow  bool    // not in a quick run
	curve string  // the curve that this is a point of
	at    float64 // where on it
}

// setting is how a run measures. quick is for a look: fewer and shorter rounds.
type setting struct {
	counts int
	length time.Duration
	quick  bool
	now    func() time.Time // the clock
}

// rounds is how many rounds r has.
func (s setting) rounds(r row) int {
	n := s.counts * max(1, r.rounds)
	if s.quick {
		return min(n, quickRounds)
	}
	return n
}

// quickRounds is how many rounds a quick run has at the most.
const quickRounds = 60

// compare runs both sides in turn, each for about the setting's length, or as the
// row says. Who goes first changes from round to round.
func compare(r row, s setting) report.Row {
	if r.sample != nil {
		return sampled(r, s)
	}
	if r.renew != nil {
		r.renew()
	}
	timed := func(f func(int), n int) time.Duration {
		began := s.now()
		f(n)
		return max(s.now().Sub(began), 1)
	}
	slower := func(n int) time.Duration { return max(timed(r.theirs, n), timed(r.ours, n)) }
	n := r.n
	if n == 0 {
		n = calibrate(slower, s.lengthOf(r))
	} else {
		slower(n) // warms both sides up, as calibrate does
	}
	if r.length > 0 { // it is too short to calibrate with
		n = max(1, int(float64(n)*float64(r.length)/float64(s.length)))
	}
	var theirs, ours []float64
	for i := range s.rounds(r) {
		if r.renew != nil && i%renewed == renewed-1 {
			r.renew()
			slower(n)
		}
		var t, o time.Duration
		if i%2 == 0 {
			t, o = timed(r.theirs, n), timed(r.ours, n)
		} else {
			o, t = timed(r.ours, n), timed(r.theirs, n)
		}
		theirs = append(theirs, float64(t)/float64(n))
		ours = append(ours, float64(o)/float64(n))
	}
	res := paired(r, theirs, ours)
	if r.check != nil {
		found, holds := r.check(n)
		res.Found = found
		res.Verdict = report.Worst(res.Verdict, report.Holds)
		if !holds {
			res.Verdict = report.Short
		}
	}
	return res
}

// lengthOf is how long a round of r is at least.
func (s setting) lengthOf(r row) time.Duration {
	if s.quick {
		return max(s.length, r.least/4)
	}
	return max(s.length, r.least)
}

// paired is what pairs of measurements say about r.
func paired(r row, theirs, ours []float64) report.Row {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = theirs[i] / ours[i]
	}
	res := report.Row{
		Shape: r.shape, Peer: r.peer, Curve: r.curve, At: r.at, Target: r.target,
		Theirs: median(theirs), Ours: median(ours), Ratio: median(ratios),
	}
	res.Low, res.High = confidence(ratios)
	if r.target > 0 {
		res.Verdict = report.AtLeast(res.Ratio, res.High, r.target)
	}
	return res
}

// sampled is compare for a row that measures by itself.
func sampled(r row, s setting) report.Row {
	counts, most := s.counts, math.MaxInt
	if s.quick {
		counts, most = 1, quickSamples
	}
	var theirs, ours, late []float64
	for range counts {
		t, o := r.sample(most)
		theirs, ours = append(theirs, t...), append(ours, o...)
		late = append(late, percentile(o, 99))
	}
	res := paired(r, theirs, ours)
	p50, p99 := percentile(ours, 50), percentile(ours, 99)
	res.Found = fmt.Sprintf("p50 %.2f ms, p99 %.2f ms of %d; theirs %.2f ms, %.2f ms",
		p50/1e6, p99/1e6, len(ours), percentile(theirs, 50)/1e6, percentile(theirs, 99)/1e6)
	if r.within[0] > 0 {
		low, _ := confidence(ours)
		res.Verdict = report.Worst(res.Verdict,
			report.AtMost(p50, low, float64(r.within[0])),
			report.AtMost(p99, slices.Min(late), float64(r.within[1])))
	}
	return res
}

// quickSamples is how many a quick run takes of what is sampled.
const quickSamples = 8

// confidence returns the bounds that the median of what xs are drawn from is
// within, in 95 of 100 cases, however they are distributed.
func confidence(xs []float64) (low, high float64) {
	xs = slices.Sorted(slices.Values(xs))
	n := float64(len(xs))
	off := int(math.Ceil(0.98*math.Sqrt(n) + 0.5)) // of a binomial distribution, 1.96 sigma
	mid := len(xs) / 2
	return xs[max(0, mid-off)], xs[min(len(xs)-1, mid+off)]
}

// percentile returns the least of xs that p percent of them do not exceed.
func percentile(xs []float64, p int) float64 {
	xs = slices.Sorted(slices.Values(xs))
	return xs[max(0, (len(xs)*p+99)/100-1)]
}

// renewed is for how many rounds the sides use what renew has made.
const renewed = 50

// calibrate finds how many operations the slower side does in about length. It
// also warms both sides up.
func calibrate(slower func(n int) time.Duration, length time.Duration) int {
	for n := 1; ; n *= 2 {
		if took := slower(n); took >= length/2 || n >= 1<<28 {
			return max(1, int(float64(n)*float64(length)/float64(took)))
		}
	}
}

func median(xs []float64) float64 {
	xs = slices.Sorted(slices.Values(xs))
	mid := len(xs) / 2
	if len(xs)%2 == 0 {
		return (xs[mid-1] + xs[mid]) / 2
	}
	return xs[mid]
}
