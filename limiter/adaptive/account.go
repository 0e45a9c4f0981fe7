package adaptive

// This file keeps account of what is in flight, without a lock and without one
// record for each: two sums that every call adds to once.
//
// The law wants the area under the units in flight, from one instant to another.
// For those that began at times a and ended at times b that is, up to T,
//
//	sum(T - a) - sum(T - b)
//
// so the sums of the times, and how many there were, are all it takes. A call that
// has read the clock and not yet added, or added between the two readings here,
// is wrong by the time since, and not by more.

import (
	"sync/atomic"
	"time"
)

// base has a monotonic reading, so that a reading of the clock costs half of
// [time.Now]. A testing/synctest bubble has another clock, decades away: only
// differences of two readings count here, and what is longer than stale does not.
var base = time.Now()

// reading is time since base, on whichever clock.
func reading() time.Duration { return time.Since(base) }

// A tally counts units in its lower bits, and in the others adds up the times at
// which they came, in ticks. Both wrap around: it is for differences. What the
// count carries over into the times is one tick in millions.
type tally struct{ bits atomic.Uint64 }

const (
	countBits = 24  // eight million units in a window, more or fewer
	tick      = 256 // ns: a day and a half of units times their time in a window, likewise
)

func ticks(at time.Duration) uint64 { return uint64(at) / tick }

func (t *tally) add(at time.Duration, n int64) {
	t.bits.Add(ticks(at)<<countBits*uint64(n) + uint64(n))
}

// forget takes back what was added.
func (t *tally) forget(at time.Duration, n int64) {
	t.bits.Add(-(ticks(at)<<countBits*uint64(n) + uint64(n)))
}

// since returns how many units came since was, which was read earlier, less those
// forgotten, and the sum of how long ago that was at the instant at.
func (t *tally) since(was *uint64, at time.Duration) (n int64, area time.Duration) {
	is := t.bits.Load()
	d := is - *was
	*was = is
	n = int64(d<<(64-countBits)) >> (64 - countBits)
	rest := ticks(at)*uint64(n) - (d-uint64(n))>>countBits
	return n, time.Duration(int64(rest<<countBits)>>countBits) * tick
}

// account is the two tallies, and what else windows are made of. It is in use by
// all calls at the same time.
type account struct {
	in, out tally
	dropped atomic.Int64 // units of out that did not get done
	ignored atomic.Int64 // units that were in in, and are not any more
	turned  atomic.Int64 // units that were turned away, and so never in in
	waited  atomic.Int64 // units that got in line, and were not turned away there

	low   atomic.Int64 // fewer in flight than this is slack
	slack atomic.Int64 // ns of it, up to since or now
	since atomic.Int64 // when it began; 0: there are enough
}

// slacken and tighten are told of the number in flight when it crosses low. Of two
// at the same time one is lost, and its moment.
func (a *account) slacken(at time.Duration) { a.since.CompareAndSwap(0, int64(at)|1) }

func (a *account) tighten(at time.Duration) {
	if since := a.since.Swap(0); since != 0 {
		a.slack.Add(int64(at) - since)
	}
}

// books are what of an account was in earlier windows. Their owner guards them.
type books struct {
	begin                   time.Duration
	inFlight                int64 // at the beginning
	in, out                 uint64
	dropped, turned, waited int64
	slack                   time.Duration
	granted                 uint64 // units ever, for Stats
}

// read returns the window up to at, and the books of the one that may begin then.
func (b *books) read(a *account, at time.Duration) (w window, next books) {
	next = *b
	if since := a.since.Load(); since != 0 && a.since.CompareAndSwap(since, int64(at)|1) {
		a.slack.Add(int64(at) - since)
	}
	in, began := a.in.since(&next.in, at)
	out, ended := a.out.since(&next.out, at)
	span := at - b.begin
	next.begin = at
	next.inFlight = b.inFlight + in - out
	next.granted += uint64(in)
	next.dropped, next.turned, next.waited = a.dropped.Load(), a.turned.Load(), a.waited.Load()
	next.slack = time.Duration(a.slack.Load())
	w = window{
		span:    span.Seconds(),
		area:    (time.Duration(b.inFlight)*span + began - ended).Seconds(),
		done:    float64(out - (next.dropped - b.dropped)),
		ended:   float64(out),
		arrived: float64(in + next.turned - b.turned),
		limited: float64(next.turned - b.turned + next.waited - b.waited),
		slack:   (next.slack - b.slack).Seconds(),
	}
	return w, next
}

// whole reports whether a window is of one clock, and recent.
func (w window) whole() bool {
	return w.span >= 0 && w.span < stale.Seconds() && w.area >= 0 && w.done >= 0 && w.arrived >= 0
}
