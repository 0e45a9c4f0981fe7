package rate

// This file is the limiter by the rules of package limiter: permits, and costs
// that are put right afterwards.

import (
	"context"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/limiter"
)

// Take is [Limiter.WaitN] by the rules of [limiter.Limiter]: it returns a permit,
// and the error of a ctx that is done Is the context's cause as well. It panics
// with "rate: n < 0" if n is negative and with "rate: Take with a nil context" if
// ctx is nil.
//
// [limiter.Permit.Settle] puts the cost right when it is known. What was too
// much comes back, as far as it would be there now if it had never been taken:
// not where the bucket was full meanwhile. What was too little is taken at once,
// and owed by those who come later. Under [Inf] neither happens. Releasing the
// permit gives nothing back, as the event has happened; of the permits that
// nobody releases, the last few thousand are remembered.
func (lim *Limiter) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	if ctx == nil {
		panic("rate: Take with a nil context")
	}
	mustNotBeNegative(n)
	if err := ctxerr.Of(ctx); err != nil {
		lim.countCancelled()
		return limiter.Permit{}, err
	}
	c, err := lim.wait(ctx, n, true)
	if err != nil {
		if _, refused := err.(*limiter.RefusedError); !refused {
			err = ctxerr.Of(ctx)
		}
		return limiter.Permit{}, err
	}
	return limiter.NewPermit(c, n), nil
}

// TryTake is [Limiter.Take] that never waits: the error is a
// [*limiter.RefusedError], either [limiter.ErrLimited], which says after what time
// to come back, or [ErrTooLarge]. It panics with "rate: n < 0" if n is negative.
func (lim *Limiter) TryTake(n int64) (limiter.Permit, error) {
	mustNotBeNegative(n)
	t := lim.lock()
	wait, ok := lim.takeLocked(t, n, 0)
	if !ok {
		err := lim.refuseLocked(n, wait, limiter.ErrLimited)
		lim.mu.Unlock()
		return limiter.Permit{}, err
	}
	c := lim.grantedLocked(n, true)
	lim.mu.Unlock()
	return limiter.NewPermit(c, n), nil
}

// Book takes n tokens in advance, if they may be used within patience, and
// returns after what wait that is: for those who take from several limits and
// have to know what each says before they wait. The wait does not change any
// more. To give the tokens back, settle the permit to zero and release it; as
// with [Reservation.Cancel], those who booked later keep their turns.
//
// The error is a [*limiter.RefusedError]: [limiter.ErrTooLate], or
// [limiter.ErrLimited] if patience is zero or less, with the wait that it would
// be, or [ErrTooLarge]. Book panics with "rate: n < 0" if n is negative.
func (lim *Limiter) Book(n int64, patience time.Duration) (p limiter.Permit, wait time.Duration, err error) {
	mustNotBeNegative(n)
	reason := limiter.ErrTooLate
	if patience <= 0 {
		patience, reason = 0, limiter.ErrLimited
	}
	t := lim.lock()
	wait, ok := lim.takeLocked(t, n, patience)
	if !ok {
		err = lim.refuseLocked(n, wait, reason)
		lim.mu.Unlock()
		return p, 0, err
	}
	var c *claim
	if wait == 0 {
		c = lim.grantedLocked(n, true)
	} else {
		lim.mu.stats.Total += uint64(n)
		c = lim.newLocked()
		c.permit, c.units = true, n
		if n > 0 {
			lim.pushLocked(c, n, t.add(wait), booked)
		}
	}
	lim.mu.Unlock()
	return limiter.NewPermit(c, n), wait, nil
}

func (lim *Limiter) refuseLocked(n int64, wait time.Duration, reason error) error {
	lim.mu.stats.Refused++
	if n > lim.mu.burst {
		return errTooLarge
	}
	return &limiter.RefusedError{Reason: reason, RetryAfter: wait}
}

// Release ends the permit: nothing of the claim can be put right any more. A
// Settle that was called before may come after it; then it is that one which ends
// the claim.
func (c *claim) Release(n int64) {
	lim := c.lim
	lim.mu.Lock()
	defer lim.mu.Unlock()
	if n != c.units {
		c.released, c.left = true, n
		return
	}
	lim.endLocked(c)
}

// endLocked ends a claim that no permit stands for any more.
func (lim *Limiter) endLocked(c *claim) {
	c.permit = false
	switch c.state {
	case booked: // stays until its turn
		return
	case used:
		lim.forgetLocked(c)
	}
	lim.freeLocked(c)
}

// Settle turns the was units that were taken into is units. Of Settles that meet
// the second may come first, and give back more than is known to have been taken:
// what is below zero waits for the other one, as a refund would be lost that has
// nothing to come from.
func (c *claim) Settle(was, is int64) {
	lim := c.lim
	t := lim.lock()
	defer lim.mu.Unlock()
	before := max(0, c.units)
	c.units += is - was
	after := max(0, c.units)
	if !lim.mu.limit.unlimited() {
		lim.mu.advance(t)
		if after < before {
			lim.refundLocked(c, float64(before)-float64(after))
			lim.moveLocked(t)
		} else {
			lim.chargeLocked(c, float64(after)-float64(before))
		}
	}
	if c.released && c.units == c.left {
		lim.endLocked(c)
	}
}

// refundLocked gives back tokens of a claim as of last.
func (lim *Limiter) refundLocked(c *claim, tokens float64) {
	switch c.state {
	case used:
		lim.returnLocked(c, tokens)
	case booked:
		if tokens >= c.n { // nothing is left of it, nor of the gap below
			lim.dropLocked(c)
			c.state = unused
			return
		}
		lim.overflowLocked(lim.mu.tokens + lim.mu.height)
		c.n -= tokens
		lim.thickenLocked(c, -tokens)
		lim.slideLocked(c.next, tokens)
	}
}

// chargeLocked takes tokens as of last that nobody asked whether they are there.
// Those who wait already don't wait longer.
func (lim *Limiter) chargeLocked(c *claim, tokens float64) {
	mu := &lim.mu
	lim.meetLocked(mu.tokens + mu.height)
	mu.tokens -= tokens
	if mu.head != nil {
		owed := lim.newLocked()
		lim.pushLocked(owed, 0, mu.last, booked)
		owed.n = tokens
		lim.thickenLocked(owed, tokens)
	}
	if c.state == used {
		// From here on it counts as used now, but for what could not come back
		// any more.
		open := max(0, min(c.open, float64(mu.burst)-lim.foundLocked(c)))
		lim.forgetLocked(c)
		lim.useLocked(c)
		c.open = open + tokens
	}
}
