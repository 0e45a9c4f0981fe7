package rate

// This file waits for tokens, and says why it did not.

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrTooLarge reports a request for more tokens than the burst: waiting would
// not help. Compare with [errors.Is].
var ErrTooLarge = errors.New("rate: request larger than the burst")

// DelayError reports that the tokens come later than the caller can wait, so
// that it did not wait at all. It Is [context.DeadlineExceeded]. Nothing was
// taken.
type DelayError struct {
	// RetryAfter is how long it was from the call until there would have been
	// tokens, if nobody else takes them; [InfDuration] if they never come.
	RetryAfter time.Duration
}

// Error says how long the wait would have been.
func (e *DelayError) Error() string {
	if e.RetryAfter == InfDuration {
		return "rate: tokens never come"
	}
	return fmt.Sprintf("rate: tokens come only after the deadline, in %v", e.RetryAfter)
}

// Unwrap returns [context.DeadlineExceeded]: to the caller it is as if that had
// happened already.
func (e *DelayError) Unwrap() error { return context.DeadlineExceeded }

// Timeout returns true, as the Timeout of context.DeadlineExceeded does.
func (e *DelayError) Timeout() bool { return true }

// Wait takes one token and waits until it may be used: [Limiter.WaitN] of one.
func (lim *Limiter) Wait(ctx context.Context) error { return lim.WaitN(ctx, 1) }

// WaitN takes n tokens and waits until they may be used. It returns nil once
// they may. Otherwise it has taken nothing, and the error is
//
//   - ctx.Err() itself, if ctx is done before the call, or gets done during the
//     wait;
//   - one that is [ErrTooLarge], at once, if n is more than the burst and the
//     limit is not [Inf];
//   - a [*DelayError], at once, if the wait would not end before ctx's
//     deadline, or never.
//
// It panics with "rate: n < 0" if n is negative and with "rate: Wait with a nil
// context" if ctx is nil.
func (lim *Limiter) WaitN(ctx context.Context, n int) error {
	if ctx == nil {
		panic("rate: Wait with a nil context")
	}
	mustNotBeNegative(n)
	b, wait, began, err := lim.lineUp(ctx, n)
	if err != nil || wait == 0 {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return lim.settle(ctx, b, began)
}

// lineUp takes n tokens in advance, or says why not. A wait of zero means that
// they may be used already; otherwise settle must follow, with the booking.
func (lim *Limiter) lineUp(ctx context.Context, n int) (b *booking, wait time.Duration, now time.Time, err error) {
	// A context may be anyone's code, which must not run under the lock.
	done := ctx.Done()
	deadline, bounded := ctx.Deadline()

	lim.mu.Lock()
	select {
	case <-done:
		lim.mu.stats.Cancelled++
		lim.mu.Unlock()
		return nil, 0, now, ctx.Err()
	default:
	}
	defer lim.mu.Unlock()
	now = lim.nowLocked()
	patience := InfDuration
	if bounded {
		// A turn at the very deadline is too late. One that is there already
		// may be taken as long as the deadline hasn't passed.
		patience = deadline.Sub(now)
		if patience > 0 {
			patience--
		}
	}
	if n > lim.mu.burst && !lim.mu.limit.unlimited() {
		lim.mu.stats.Refused++
		return nil, 0, now, fmt.Errorf("%w: %d of %d", ErrTooLarge, n, lim.mu.burst)
	}
	wait, debt, ok := lim.mu.take(now, n, patience)
	if ok && wait > 0 {
		lim.mu.waiting++ // settle counts the rest
		b = new(booking)
		lim.bookLocked(b, n, debt, now.Add(wait))
		return b, wait, now, nil
	}
	lim.countLocked(ok, n)
	if !ok {
		err = &DelayError{RetryAfter: wait}
	}
	return nil, 0, now, err
}

// settle ends a wait. If the turn and the end of the context met, the context
// wins: to the caller it came first.
func (lim *Limiter) settle(ctx context.Context, b *booking, began time.Time) error {
	done := ctx.Done()
	lim.mu.Lock()
	lim.mu.waiting--
	now := lim.nowLocked()
	select {
	case <-done:
	default:
		lim.mu.stats.Waited++
		lim.mu.stats.WaitTime.Observe(now.Sub(began))
		lim.countLocked(true, b.n)
		lim.mu.Unlock()
		return nil
	}
	lim.mu.stats.Cancelled++
	// Unlike a reservation's, these tokens can't have been used, however late
	// it is.
	lim.giveBackLocked(now, b)
	lim.mu.Unlock()
	return ctx.Err()
}
