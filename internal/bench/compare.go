package main

// This file measures: two sides in turn, the medians of what they took, and
// whether that is what we claim.

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
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
	// on each side, but not more often than it is told. Then ratio is that of the
	// medians, and ours has to keep its median and its 99th percentile within.
	sample func(most int) (theirs, ours []float64)
	within [2]time.Duration
}

// result is what a comparison found. Times are per operation.
type result struct {
	theirs, ours time.Duration // medians
	ratio        float64       // median of the rounds' theirs/ours
	low, high    float64       // the lowest and highest round
	found        string        // by the row's check
	short        bool          // the median is below the target, or the check's bound does not hold
}

// compare runs both sides counts times in turn, each for about length, or as the
// row says. Who goes first changes from round to round. now is the clock.
func compare(r row, counts int, length time.Duration, now func() time.Time) result {
	if r.sample != nil {
		return sampled(r, counts)
	}
	counts *= max(1, r.rounds)
	if r.renew != nil {
		r.renew()
	}
	timed := func(f func(int), n int) time.Duration {
		began := now()
		f(n)
		return max(now().Sub(began), 1)
	}
	slower := func(n int) time.Duration { return max(timed(r.theirs, n), timed(r.ours, n)) }
	n := r.n
	if n == 0 {
		n = calibrate(slower, max(length, r.least))
	} else {
		slower(n) // warms both sides up, as calibrate does
	}
	if r.length > 0 { // it is too short to calibrate with
		n = max(1, int(float64(n)*float64(r.length)/float64(length)))
	}
	var theirs, ours, ratios []float64
	for i := range counts {
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
		ratios = append(ratios, float64(t)/float64(o))
	}
	res := result{
		theirs: time.Duration(median(theirs)),
		ours:   time.Duration(median(ours)),
		ratio:  median(ratios),
		low:    slices.Min(ratios),
		high:   slices.Max(ratios),
	}
	res.short = res.ratio < r.target
	if r.rounds > 1 {
		low, high := confidence(ratios)
		res.found = fmt.Sprintf("%.3f, within %.3f-%.3f", res.ratio, low, high)
	}
	if r.check != nil {
		found, holds := r.check(n)
		res.found = found
		res.short = res.short || !holds
	}
	return res
}

// sampled is compare for a row that measures by itself.
func sampled(r row, counts int) result {
	var theirs, ours, ratios []float64
	for range counts {
		t, o := r.sample(math.MaxInt)
		theirs, ours = append(theirs, t...), append(ours, o...)
		ratios = append(ratios, median(t)/median(o))
	}
	res := result{
		theirs: time.Duration(median(theirs)).Round(time.Microsecond),
		ours:   time.Duration(median(ours)).Round(time.Microsecond),
		ratio:  median(theirs) / median(ours),
		low:    slices.Min(ratios),
		high:   slices.Max(ratios),
	}
	p50, p99 := percentile(ours, 50), percentile(ours, 99)
	res.found = fmt.Sprintf("p50 %.2f ms, p99 %.2f ms of %d; theirs %.2f ms, %.2f ms",
		p50.Seconds()*1e3, p99.Seconds()*1e3, len(ours), percentile(theirs, 50).Seconds()*1e3, percentile(theirs, 99).Seconds()*1e3)
	res.short = res.ratio < r.target || p50 > r.within[0] || p99 > r.within[1]
	return res
}

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
func percentile(xs []float64, p int) time.Duration {
	xs = slices.Sorted(slices.Values(xs))
	return time.Duration(xs[max(0, (len(xs)*p+99)/100-1)])
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

const header = "| shape | peer | peer's time | ours | ratio | range | target | verdict |\n|---|---|---|---|---|---|---|---|"

// claimed reports whether r can fall short.
func (r row) claimed() bool { return r.target > 0 || r.check != nil || r.within[0] > 0 }

func line(r row, res result) string {
	target, verdict := "", ""
	if r.target > 0 {
		target = fmt.Sprintf("%.2f", r.target)
	}
	if r.claimed() {
		verdict = "ok"
	}
	if res.short {
		verdict = "SHORT"
	}
	if res.found != "" {
		verdict = strings.TrimPrefix(verdict+", "+res.found, ", ")
	}
	return fmt.Sprintf("| %s | %s | %v | %v | %.2f | %.2f-%.2f | %s | %s |",
		r.shape, r.peer, res.theirs, res.ours, res.ratio, res.low, res.high, target, verdict)
}
