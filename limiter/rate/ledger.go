package rate

// This file decides how many tokens come back when a reservation is cancelled.
//
// Those whose turn is later were told when it is, with the cancelled tokens
// gone, and keep it. If all tokens came back they could be used again right at
// those turns: with a burst of one, reserve two, cancel the first, reserve
// again, and two would act at one moment. So as many as are owed to the later
// ones are withheld. Once all of these have cancelled too, everything comes
// back; once one of them has acted, it is too late for that.
//
// Why that keeps the bound: look at any span of time that ends with a later
// request. If it holds the cancelled turn, it has lost n tokens there and gains
// at most n at its end. If it begins after that turn, what it holds of the later
// ones and what came back are no more than n together, and n is no more than
// the burst.

import (
	"slices"
	"time"
)

// booking is one reservation. It is in the ledger from the moment it was made
// until it is cancelled or its turn has passed.
type booking struct {
	n         int
	debt      float64 // those of n that were not there yet
	act       time.Time
	cancelled bool

	// Of the cancelled bookings between this one and the one before it.
	gone     float64 // all their tokens
	withheld float64 // those that did not come back
}

// ledger is the bookings whose turn is still to come, in the order of turns.
// What was withheld is kept with the next booking that still holds, so however
// many cancel, there are no more entries than reservations that hold. It is
// guarded by the limiter's lock.
type ledger struct {
	bookings []*booking
	now      time.Time // as of which those that have passed were dropped
}

// add enters a booking. Its turn is the last, unless the limit was raised.
func (l *ledger) add(now time.Time, b *booking) {
	l.forget(now)
	i := len(l.bookings)
	for i > 0 && l.bookings[i-1].act.After(b.act) {
		i--
	}
	l.bookings = slices.Insert(l.bookings, i, b)
}

// cancel returns how many tokens come back to the bucket.
func (l *ledger) cancel(now time.Time, b *booking) (back float64) {
	l.forget(now)
	later := l.bookings
	if i := slices.Index(l.bookings, b); i >= 0 {
		l.bookings = slices.Delete(l.bookings, i, i+1)
		later = l.bookings[i:]
	}
	b.cancelled = true
	n := float64(b.n)
	if len(later) == 0 {
		return n + b.withheld
	}
	owed := 0.0
	for _, e := range later {
		owed += e.debt + e.gone
	}
	back = max(n-owed, 0)
	later[0].gone += b.gone + n
	later[0].withheld += b.withheld + n - back
	return back
}

// forget drops the bookings whose turn has passed, and all if now is on another
// clock: nobody can tell when their turn is.
func (l *ledger) forget(now time.Time) {
	passed := 0
	if now.Before(l.now) {
		passed = len(l.bookings)
	}
	for passed < len(l.bookings) && l.bookings[passed].act.Before(now) {
		passed++
	}
	l.bookings = slices.Delete(l.bookings, 0, passed)
	l.now = now
}
