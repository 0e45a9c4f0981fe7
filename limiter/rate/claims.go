package rate

// This file is what was taken in advance, and who may still give tokens back.
//
// A claim is tokens that one call took. While its turn is still to come it is
// pending, on a stack: each claim lies on those made before it, and its turn
// comes when the bucket has gained all that is below its upper edge.
//
//	          ▲ tokens, as they are gained
//	 top ─────┤◀── -tokens: where the next claim will lie
//	          │ waiter  3
//	          ├──
//	          │ booking 2   fixed: its turn was handed out as a time
//	          ├──
//	          │ waiter  5   the head: the first that waits
//	          ├──
//	 gained ──┤
//
// Where a claim gives up, everything above slides down by its tokens: waiters
// leave earlier, and the tokens come back at the top. The turn of a booking does
// not move, so a slide that passes one has to leave a gap, if what comes above
// could otherwise be used right at that turn, together with a bucket that filled
// up meanwhile. At the turn of a booking of n the bucket can't hold more than the
// burst; what lies below it must not go under
//
//	gained until the turn - burst
//
// which is what limits the slide, and no more: a slide that keeps this leaves a
// bucket in which every span of time holds no more than burst + limit·t, and a
// longer one does not. A gap is part of the booking above it and goes with it.

import (
	"math"
	"time"
)

// state says what a claim is. It changes under the limiter's lock:
//
//	                  ┌──> waiting ──┐ its turn
//	unused ──────────>├──> booked ───┼──> used ──> unused
//	  ▲               └──────────────┘               ▲
//	  └── given back before its turn, or nobody can give back any more
type state uint8

const (
	unused  state = iota // nobody's; perhaps on the limiter's free list
	waiting              // pending, of a call that waits. From unused, by line
	booked               // pending, its turn handed out. From unused, by book
	used                 // its turn has come, and it may be put right still
)

// claim is guarded by its limiter's lock.
type claim struct {
	lim        *Limiter
	prev, next *claim // in the list that its state says
	state      state
	id         uint64 // changes when the claim becomes unused
	seq        uint64 // of pending ones: those above have higher ones

	n     float64 // tokens
	thick float64 // on the stack: n, and for a booking the gap below it
	act   instant // when its turn is; of one that waits, at the latest

	// Of a call that waits. The timer is its only way to be woken.
	timer *time.Timer
	armed instant // when the timer fires
	began instant // when it lined up

	// Of a used one.
	open  float64 // how many of its tokens may come back
	found float64 // most tokens that a later use found, up to the next used claim

	// Of one that a permit stands for.
	permit   bool
	units    int64 // as of the last Settle
	released bool  // but a Settle is still to come
	left     int64 // units at the release
}

// list is a list of claims; the zero value is empty.
type list struct {
	first, last *claim
	length      int
}

// insert puts c behind prev, or in front of all if that is nil.
func (l *list) insert(c, prev *claim) {
	c.prev = prev
	if prev == nil {
		c.next, l.first = l.first, c
	} else {
		c.next, prev.next = prev.next, c
	}
	if c.next == nil {
		l.last = c
	} else {
		c.next.prev = c
	}
	l.length++
}

func (l *list) remove(c *claim) {
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
	l.length--
}

// claims are all claims of a limiter.
type claims struct {
	pending list    // from the bottom to the top of the stack
	height  float64 // of the stack
	head    *claim  // the lowest that waits
	above   float64 // height of the stack from the head on
	bookings,
	waiters int
	highest uint64  // seq of the highest booking, or of one that was higher
	latest  instant // the last turn of a booking
	mixed   bool    // perhaps a booking lies above one with a later turn

	used list // by the time of their use
	seq  uint64
	free *claim
	kept int // number of those in free
}

const (
	mostUsed = 4096 // used claims that are remembered
	mostFree = 64
)

// newLocked returns an unused claim.
func (lim *Limiter) newLocked() *claim {
	c := lim.mu.free
	if c == nil {
		return &claim{lim: lim}
	}
	lim.mu.free, c.next = c.next, nil
	lim.mu.kept--
	return c
}

// freeLocked makes a claim that is in no list unused.
func (lim *Limiter) freeLocked(c *claim) {
	*c = claim{lim: lim, id: c.id + 1}
	if lim.mu.kept < mostFree {
		lim.mu.free, c.next = c, lim.mu.free
		lim.mu.kept++
	}
}

// pushLocked puts a claim whose tokens were just taken on top of the stack.
func (lim *Limiter) pushLocked(c *claim, n int64, act instant, s state) {
	mu := &lim.mu
	mu.seq++
	c.n, c.thick, c.act, c.seq, c.state = float64(n), float64(n), act, mu.seq, s
	below := mu.pending.last
	if s == booked {
		mu.bookings++
		mu.highest = c.seq
		// Bookings lie in the order of their turns. That is the order in which they
		// were made, unless the limit was raised or tokens came back.
		for below != nil && below.state == booked && below.act > act {
			below = below.prev
		}
		if mu.bookings == 1 {
			mu.latest, mu.mixed = act, false
		}
		mu.mixed = mu.mixed || act < mu.latest && below != nil && below.state == waiting
		mu.latest = max(mu.latest, act)
	} else {
		mu.waiters++
	}
	mu.pending.insert(c, below)
	mu.height += c.thick
	if s == waiting && mu.head == nil {
		mu.head = c
	}
	if mu.head != nil {
		mu.above += c.thick
	}
	if c.next != nil {
		// It came into the gap below another booking, and needs its share of that.
		gap := min(max(0, lim.lowestLocked(c)-lim.edgeLocked(c)), c.next.thick-c.next.n)
		lim.thickenLocked(c, gap)
		lim.thickenLocked(c.next, -gap)
	}
}

// edgeLocked returns the lower edge of c as of last, the upper one of what is
// below.
func (lim *Limiter) edgeLocked(c *claim) float64 {
	edge := -lim.mu.tokens
	for ; c != nil; c = c.next {
		edge -= c.thick
	}
	return edge
}

// lowestLocked returns what the lower edge of a booking must not be below,
// without its gap.
func (lim *Limiter) lowestLocked(c *claim) float64 {
	return lim.mu.limit.tokensIn(max(0, c.act.since(lim.mu.last))) - float64(lim.mu.burst)
}

// liftLocked takes a claim off the stack, without giving anything back.
func (lim *Limiter) liftLocked(c *claim) {
	mu := &lim.mu
	mu.height -= c.thick
	if lim.aboveHeadLocked(c) {
		mu.above -= c.thick
	}
	if c.state == waiting {
		mu.waiters--
	} else {
		mu.bookings--
	}
	if c == mu.head {
		for mu.head = c.next; mu.head != nil && mu.head.state != waiting; mu.head = mu.head.next {
			mu.above -= mu.head.thick
		}
	}
	mu.pending.remove(c)
	if mu.pending.first == nil {
		mu.height = 0 // whatever was rounded
	}
	if mu.head == nil {
		mu.above = 0
	}
}

// aboveHeadLocked reports whether a pending claim is the head or lies above it.
// What lies below the head was made before it.
func (lim *Limiter) aboveHeadLocked(c *claim) bool {
	return lim.mu.head != nil && c.seq >= lim.mu.head.seq
}

// dropLocked gives a pending claim back as of last.
func (lim *Limiter) dropLocked(c *claim) {
	lim.overflowLocked(lim.mu.tokens + lim.mu.height)
	above, thick := c.next, c.thick
	if c.state == waiting && c.seq > lim.mu.highest {
		above = nil // there are only others that wait, and they need no looking at
	}
	lim.liftLocked(c)
	lim.slideLocked(above, thick)
}

// slideLocked lets the stack from c on slide down by so many tokens, as of last.
func (lim *Limiter) slideLocked(c *claim, by float64) {
	mu := &lim.mu
	if mu.bookings > 0 && c != nil {
		edge := lim.edgeLocked(c)
		for ; c != nil && by > 0; c = c.next {
			below := edge - by
			edge += c.thick
			if c.state == booked {
				was := c.thick - c.n
				gap := min(max(0, lim.lowestLocked(c)-below), was+by)
				lim.thickenLocked(c, gap-was)
				by -= gap - was
			}
		}
	}
	mu.tokens = min(mu.tokens+by, mu.full)
}

// thickenLocked changes how much room a pending claim takes.
func (lim *Limiter) thickenLocked(c *claim, by float64) {
	c.thick += by
	lim.mu.height += by
	if lim.aboveHeadLocked(c) {
		lim.mu.above += by
	}
}

// passLocked takes those bookings off whose turn is before t.
func (lim *Limiter) passLocked(t instant) {
	mu := &lim.mu
	for c := mu.pending.first; c != nil; {
		next := c.next
		if c.state == booked && c.act < t {
			lim.meetLocked(mu.tokens + mu.height + mu.limit.tokensIn(max(0, c.act.since(mu.last))))
			lim.liftLocked(c)
			lim.useLocked(c)
		} else if !mu.mixed {
			return
		}
		c = next
	}
}

// useLocked makes a claim used that is in no list, if anyone might give back.
func (lim *Limiter) useLocked(c *claim) {
	mu := &lim.mu
	if !c.permit && c.timer == nil {
		lim.freeLocked(c)
		return
	}
	c.state, c.open, c.found = used, c.n, math.Inf(-1)
	mu.used.insert(c, mu.used.last)
	if mu.used.length > mostUsed {
		lim.forgetLocked(mu.used.first)
	}
}

// forgetLocked takes a claim out of the used ones.
func (lim *Limiter) forgetLocked(c *claim) {
	if c.prev != nil {
		c.prev.found = max(c.prev.found, c.found)
	}
	lim.mu.used.remove(c)
	c.state = unused
}

// meetLocked must come before a use, which finds so many tokens, not counting
// what is pending.
func (lim *Limiter) meetLocked(found float64) {
	mu := &lim.mu
	lim.overflowLocked(found)
	if c := mu.used.last; c != nil {
		c.found = max(c.found, min(found, float64(mu.burst)))
	}
}

// overflowLocked must come before each change to the stack, when there are so
// many tokens, not counting what is pending. Those above the burst are lost. They
// are from the gap below the lowest booking, and won't come back with it.
func (lim *Limiter) overflowLocked(tokens float64) {
	lost := tokens - float64(lim.mu.burst)
	for c := lim.mu.pending.first; c != nil && lost > 0; c = c.next {
		gap := min(c.thick-c.n, lost)
		lim.thickenLocked(c, -gap)
		lost -= gap
	}
}

// foundLocked returns the most tokens that any use after that of c found.
func (lim *Limiter) foundLocked(c *claim) float64 {
	found := c.found
	for ; c != nil; c = c.next {
		found = max(found, c.found)
	}
	return found
}

// returnLocked gives back tokens of a used claim as of last: as many as there
// would be more if they had never been taken. Where a later use found a bucket
// that was nearly full, most of them would have been lost.
func (lim *Limiter) returnLocked(c *claim, tokens float64) {
	mu := &lim.mu
	lim.overflowLocked(mu.tokens + mu.height)
	found := max(lim.foundLocked(c), mu.tokens+mu.height) // the next use finds at least that
	back := min(tokens, c.open, float64(mu.burst)-found)
	if back <= 0 {
		return
	}
	c.open -= back
	for later := c; later != nil; later = later.next {
		later.found += back
	}
	lim.slideLocked(mu.pending.first, back)
}

// elsewhereLocked goes on by another clock, of which t is a reading, with the
// tokens there are. Nobody can tell when the turns are that were handed out by
// the old one.
func (lim *Limiter) elsewhereLocked(t instant) {
	for c := lim.mu.pending.first; c != nil; c = c.next {
		if c.state == booked {
			c.act = always
		} else {
			c.act = t.add(max(0, c.act.since(lim.mu.last)))
		}
	}
	lim.mu.last = t
}
