package main

// This file measures: two sides in turn, the medians of what they took, and
// whether that is what we claim.

import (
	"fmt"
	"slices"
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
	// check has ours do n operations once more, and says whether a bound holds
	// that is not about time; nil: there is none.
	check func(n int) (found string, holds bool)
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
	var theirs, ours, ratios []float64
	for i := range counts {
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
	if r.check != nil {
		found, holds := r.check(n)
		res.found = found
		res.short = res.short || !holds
	}
	return res
}

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
func (r row) claimed() bool { return r.target > 0 || r.check != nil }

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
		verdict += ", " + res.found
	}
	return fmt.Sprintf("| %s | %s | %v | %v | %.2f | %.2f-%.2f | %s | %s |",
		r.shape, r.peer, res.theirs, res.ours, res.ratio, res.low, res.high, target, verdict)
}
