package graceful

// How the time of a stop is shared out. Everything here is a function of its
// arguments: the clock is read elsewhere.

import (
	"math"
	"time"
)

const (
	defaultBudget = 25 * time.Second

	// reportTime is kept back from the total, to print what happened
	// before somebody kills us.
	reportTime = 500 * time.Millisecond

	// cutTime is the longest that a cut component may take to end before it
	// is called stuck. It is part of the phase's time.
	cutTime = 100 * time.Millisecond

	// leastTime is what even those get for whom nothing is left.
	leastTime = 10 * time.Millisecond

	forever = time.Duration(math.MaxInt64)
)

// A budget is the time that one stop may take.
type budget struct {
	total  time.Duration // forever: none
	usable time.Duration // total less the report's part
	each   time.Duration // kept for every phase whose turn is yet to come
	end    time.Time     // when usable is over; meaningless without a total
}

// newBudget starts a budget for a number of phases at now. Zero is the
// default, negative is none. What is kept for a phase is a tenth of the usable
// time, and together at most half of it; it must not grow while the phases get
// fewer, or one that comes later would be paid for by the next.
func newBudget(total time.Duration, phases int, now time.Time) budget {
	if total == 0 {
		total = defaultBudget
	}
	if total < 0 || total == forever {
		return budget{total: forever, usable: forever}
	}
	usable := total - min(reportTime, total/10)
	each := min(usable/10, usable/2/time.Duration(max(1, phases)))
	return budget{total: total, usable: usable, each: each, end: now.Add(usable)}
}

// left is what remains of the total for whoever asks how long it may take yet.
func (b budget) left(now time.Time) time.Duration {
	if b.total == forever {
		return forever
	}
	return max(0, b.end.Sub(now))
}

// quarter returns when so many quarters of the time are over in which what
// stops may end by itself: after the fourth, what is cut may still end by that.
func (b budget) quarter(n int) time.Time {
	time4, _ := split(b.usable, 0)
	return b.end.Add(time4/quarters*time.Duration(n) - b.usable)
}

// reserve is what is kept for phases that stop later, for none of them more
// than its own limit.
func (b budget) reserve(later []time.Duration) time.Duration {
	var sum time.Duration
	for _, limit := range later {
		sum += min(b.each, limit)
	}
	return sum
}

// window is the time for the first of the phases that still have to stop,
// given by their own limits (forever where they have none) in the order in
// which they stop.
func (b budget) window(now time.Time, limits []time.Duration) time.Duration {
	left := b.left(now)
	if left != forever {
		left = max(0, left-b.reserve(limits[1:]))
	}
	return min(left, limits[0])
}

// need is the time that a component with this limit may take in all: a limit
// that the budget can afford is granted whole, and the time to end after a cut
// comes on top of it.
func need(limit time.Duration) time.Duration {
	if limit <= 0 || limit > forever-cutTime {
		return forever
	}
	return limit + cutTime
}

// split divides a component's window into the part in which it may stop by
// itself and the part in which it must end once it was cut.
func split(window, limit time.Duration) (stop, cut time.Duration) {
	stop, cut = window, min(window/10, cutTime)
	if window != forever {
		stop = (stop - cut).Truncate(time.Microsecond) // people read it
	}
	if 0 < limit && limit < stop {
		stop, cut = limit, min(window-limit, cutTime)
	}
	return stop, cut
}
