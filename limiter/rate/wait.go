package rate

// This file waits for tokens, in a line that moves forward, and says why it did
// not.

import (
	"context"
	"time"

	"github.com/belay-go/belay/limiter"
)

// ErrTooLarge reports a request for more tokens than the burst: waiting would
// not help. It is [limiter.ErrTooLarge], the reason of a
// [limiter.RefusedError]. Compare with [errors.Is].
var ErrTooLarge = limiter.ErrTooLarge

var errTooLarge = &limiter.RefusedError{Reason: limiter.ErrTooLarge, RetryAfter: InfDuration}

// Wait takes one token and waits until it may be used: [Limiter.WaitN] of one.
func (lim *Limiter) Wait(ctx context.Context) error { return lim.WaitN(ctx, 1) }

// WaitN takes n tokens and waits until they may be used. It returns nil once
// they may. Otherwise it has taken nothing, and the error is
//
//   - ctx.Err() itself, if ctx is done before the call, or gets done during the
//     wait;
//   - a [*limiter.RefusedError] that is [ErrTooLarge], at once, if n is more than
//     the burst and the limit is not [Inf];
//   - one that is [limiter.ErrTooLate], and so [context.DeadlineExceeded], at
//     once, if the wait would not end before ctx's deadline, or never. Its
//     RetryAfter is how long the wait would have been.
//
// It panics with "rate: n < 0" if n is negative and with "rate: Wait with a nil
// context" if ctx is nil.
func (lim *Limiter) WaitN(ctx context.Context, n int) error {
	if ctx == nil {
		panic("rate: Wait with a nil context")
	}
	mustNotBeNegative(int64(n))
	if err := ctx.Err(); err != nil {
		lim.countCancelled()
		return err
	}
	if n > 0 {
		if lim.takeLeased(int64(n)) {
			return nil
		}
		// A refusal is for the line to say more of.
		if m := lim.meter.Load(); m != nil {
			if ok, _ := m.take(int64(n)); ok {
				return nil
			}
		}
	}
	_, err := lim.wait(ctx, int64(n), false)
	return err
}

// wait takes n tokens, waiting for them if there is a way. The claim is nil
// unless a permit is to stand for it.
func (lim *Limiter) wait(ctx context.Context, n int64, permit bool) (*claim, error) {
	t := lim.lock()
	if _, ok := lim.takeLocked(t, n, 0); ok {
		c := lim.grantedLocked(n, permit)
		lim.meterLocked(t)
		lim.mu.Unlock()
		return c, nil
	}
	lim.mu.Unlock()

	// A context may be anyone's code, which must not run under the lock.
	done, patience := ctx.Done(), patience(ctx)
	c, waits, err := lim.lineUp(n, patience, permit)
	if waits {
		return lim.await(ctx, done, c)
	}
	return c, err
}

// grantedLocked counts n tokens that were taken, to be used now.
func (lim *Limiter) grantedLocked(n int64, permit bool) (c *claim) {
	lim.mu.stats.Total += uint64(n)
	if permit {
		c = lim.newLocked()
		c.permit, c.units = true, n
		if !lim.mu.limit.unlimited() {
			c.n = float64(n)
		}
		lim.useLocked(c)
	}
	lim.buyLocked()
	return c
}

// patience returns how long a turn may be away so that it comes before ctx's
// deadline. A turn at the very deadline is too late, one that is there already
// is not.
func patience(ctx context.Context) time.Duration {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return InfDuration
	}
	return max(0, time.Until(deadline)-1)
}

// lineUp takes n tokens in advance and starts the timer for their turn, unless
// they are there by now, or won't be in time.
func (lim *Limiter) lineUp(n int64, patience time.Duration, permit bool) (c *claim, waits bool, err error) {
	t := lim.lock()
	defer lim.mu.Unlock()
	wait, ok := lim.takeLocked(t, n, patience)
	if !ok {
		return nil, false, lim.refuseLocked(n, wait, limiter.ErrTooLate)
	}
	if wait == 0 {
		return lim.grantedLocked(n, permit), false, nil
	}
	c = lim.newLocked()
	c.permit, c.units = permit, n
	c.timer, c.began, c.armed = time.NewTimer(wait), t, t.add(wait)
	lim.pushLocked(c, n, c.armed, waiting)
	lim.mu.calls++
	return c, true, nil
}

// await waits for the turn of c. If that and the end of the context meet, the
// context wins: to the caller it came first.
func (lim *Limiter) await(ctx context.Context, done <-chan struct{}, c *claim) (*claim, error) {
	timer := c.timer
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-done:
		}
		// Not by ctx.Err: that may be anyone's code, which may panic, and leave this
		// call in line for ever.
		gone := false
		select {
		case <-done:
			gone = true
		default:
		}
		if c, over := lim.wake(c, gone); over {
			if gone {
				return nil, ctx.Err()
			}
			return c, nil
		}
	}
}

// wake is what a call does that was woken: by its timer, by one who served it,
// or because its context has ended, and it is gone. over says that it has waited
// enough.
func (lim *Limiter) wake(c *claim, gone bool) (_ *claim, over bool) {
	t := lim.lock()
	defer lim.mu.Unlock()
	switch {
	case gone && c.state == waiting:
		lim.mu.advance(t)
		lim.dropLocked(c)
		lim.moveLocked(t)
	case gone:
		if c.state == used {
			lim.mu.advance(t)
			lim.returnLocked(c, c.n)
			lim.forgetLocked(c)
			lim.moveLocked(t)
		}
	default:
		lim.serveLocked(t, c)
		if c.state == waiting { // woken too early, by whatever clock
			wait := lim.turnLocked(t, lim.mu.head)
			c.armed = t.add(wait)
			c.timer.Reset(wait)
			return nil, false
		}
	}
	lim.mu.calls--
	if gone {
		lim.mu.stats.Cancelled++
		lim.freeLocked(c)
		return nil, true
	}
	lim.mu.stats.Waited++
	lim.mu.stats.WaitTime.Observe(t.since(c.began))
	lim.mu.stats.Total += uint64(c.units)
	c.timer = nil
	if c.permit {
		return c, true
	}
	if c.state == used {
		lim.forgetLocked(c)
	}
	lim.freeLocked(c)
	return nil, true
}

// turnLocked returns how long it is from t until the turn of the head; zero if
// it has come.
func (lim *Limiter) turnLocked(t instant, head *claim) time.Duration {
	return lim.turnAboveLocked(t, head, lim.mu.above)
}

// turnAboveLocked is the turn of one that waits, above whose lower edge the
// stack is so high.
func (lim *Limiter) turnAboveLocked(t instant, c *claim, above float64) time.Duration {
	if lim.mu.limit.unlimited() {
		return 0
	}
	tokens, last := lim.mu.at(t)
	missing := c.thick - tokens - above
	if missing <= 0 {
		return 0
	}
	return min(lim.mu.limit.wait(missing, last.since(t)), max(0, c.act.since(t)))
}

// serveLocked ends the waits of those whose turn has come, in their order: the
// one place where that happens. It wakes all but self.
func (lim *Limiter) serveLocked(t instant, self *claim) {
	for c := lim.mu.head; c != nil && lim.turnLocked(t, c) == 0; c = lim.mu.head {
		tokens, _ := lim.mu.at(t)
		lim.meetLocked(tokens + lim.mu.height)
		lim.liftLocked(c)
		lim.useLocked(c)
		if c != self {
			c.timer.Reset(0)
		}
	}
	lim.armLocked()
}

// armLocked has the head woken at its turn, if that is earlier than it was.
func (lim *Limiter) armLocked() {
	head := lim.mu.head
	if head == nil {
		return
	}
	t := now()
	wait := lim.turnLocked(t, head)
	if turn := t.add(wait); turn < head.armed {
		head.armed = turn
		head.timer.Reset(wait)
	}
}

// moveLocked must follow every change that lets those who wait leave earlier.
func (lim *Limiter) moveLocked(t instant) {
	if lim.mu.head != nil {
		lim.serveLocked(t, nil)
	}
}

// promiseLocked holds the turns of those who wait as they are at t, before a
// change that may be to their disadvantage: who was told that it will make its
// deadline does.
func (lim *Limiter) promiseLocked(t instant) {
	above := lim.mu.above
	for c := lim.mu.head; c != nil; c = c.next {
		if c.state == waiting {
			c.act = min(c.act, t.add(lim.turnAboveLocked(t, c, above)))
		}
		above -= c.thick
	}
}

func (lim *Limiter) countCancelled() {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	lim.mu.stats.Cancelled++
}
