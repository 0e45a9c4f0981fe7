package ctxutil

// This file bounds a context in time.
//
// A shrunk context is live until the first of three events, which sets its Err
// and cause for good:
//
//	live -> expired    its deadline: DeadlineExceeded, a *TimeoutError
//	live -> ended      its parent ended: the parent's Err and cause
//	live -> cancelled  its cancel: Canceled, Canceled
//
// Package context makes these transitions, under one lock, and carries them to
// the children before the call that caused them returns. A context type of our
// own could measure a late expiry, but could not hang below a parent without
// an asynchronous hop, and would lose that.

import (
	"context"
	"time"
)

// Shrink returns a child of ctx that ends at most d after the call, and the
// function that ends it at once. It is [ShrinkNamed] without a name; prefer
// that where more than one limit is around.
func Shrink(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return ShrinkNamed(ctx, "", d)
}

// ShrinkNamed returns a child of ctx that ends at most d after the call, and
// the function that ends it at once. The name says what has that time, in the
// error that reports that it is up.
//
// The parent's deadline is never extended: where it comes no later, the child
// has that one, ends with the parent, and no timer is made. When the child's
// own time is up, its Err is [context.DeadlineExceeded] and its cause a
// [*TimeoutError] with name and d. When its parent ends first, the child has
// the parent's Err and cause, so the error names the parent's layer. When the
// cancel function comes first, both are [context.Canceled].
//
// A d that is zero or negative has already passed: the child is done when the
// call returns. A d beyond what the clock can count never passes.
//
// The cancel function may be called more than once and concurrently; after the
// first call nothing of the child is left in ctx. ShrinkNamed may be called
// concurrently; it panics if ctx is nil.
func ShrinkNamed(ctx context.Context, name string, d time.Duration) (context.Context, context.CancelFunc) {
	if ctx == nil {
		panic("ctxutil: Shrink of a nil context")
	}
	allowed := max(d, 0)
	deadline := time.Now().Add(allowed)
	if parents, ok := ctx.Deadline(); ok && !deadline.Before(parents) {
		if d > 0 {
			return context.WithCancel(ctx)
		}
		// Both times are up, but the parent may not have noticed yet, and this
		// child has to be done on return: it gets the parent's deadline as its
		// own, which is over before a timer is made.
		deadline = parents
	}
	// An expiry is the only end that this cause is used for, so what has
	// elapsed by then is known now.
	return context.WithDeadlineCause(ctx, deadline, &TimeoutError{Name: name, Limit: d, Elapsed: allowed})
}
