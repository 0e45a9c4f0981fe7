package ctxutil

// This file divides what is left until a deadline between the work and its
// reply.

import (
	"context"
	"math"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
)

// Budget returns a child of ctx whose deadline is reserve before that of ctx,
// so that time is left to reply with what was found, or without, and the
// function that ends it at once. It refuses at once what can't be done in the
// time that is usable, the time to the child's deadline:
//
//   - ctx is done: the error is ctx.Err() where the cause says no more, and
//     otherwise one that errors.Is and errors.As find both in;
//   - less than least is usable, or nothing: a [*TimeoutError] named "budget",
//     which Is [context.DeadlineExceeded], with what is usable, at least zero,
//     as Limit, and as RetryAfter how far away a deadline must be for the same
//     call to succeed.
//
// With an error the context is ctx itself and the function does nothing: neither
// is ever nil, so that a deferred cancel may come before the check of the error.
//
// When the child's own time is up, its Err is [context.DeadlineExceeded] and its
// cause a [*TimeoutError] named "budget" with the time that was usable at the
// call. When ctx ends first, the child has the Err and cause of that. When the
// cancel function comes first, both are [context.Canceled].
//
// A reserve that is zero or negative is none: the child ends with ctx, and no
// timer is made. Where ctx has no deadline there is nothing to divide, so the
// child has none either, and neither reserve nor least is judged. If the two
// together are more than the clock can count, every deadline is too soon.
//
// The cancel function may be called more than once and concurrently; after the
// first call nothing of the child is left in ctx. Budget may be called
// concurrently; it panics if ctx is nil.
func Budget(ctx context.Context, reserve, least time.Duration) (context.Context, context.CancelFunc, error) {
	if ctx == nil {
		panic("ctxutil: Budget of a nil context")
	}
	if err := ctxerr.Of(ctx); err != nil {
		return ctx, func() {}, err
	}
	parents, ok := ctx.Deadline()
	if !ok {
		child, cancel := context.WithCancel(ctx)
		return child, cancel, nil
	}
	reserve = max(reserve, 0)
	deadline := parents.Add(-reserve)
	usable := time.Until(deadline)
	if usable <= 0 || usable < least {
		return ctx, func() {}, &TimeoutError{
			Name:       "budget",
			Limit:      max(usable, 0),
			RetryAfter: saturatingAdd(reserve, max(least, 1)),
			reserve:    reserve,
		}
	}
	if reserve == 0 {
		child, cancel := context.WithCancel(ctx)
		return child, cancel, nil
	}
	child, cancel := context.WithDeadlineCause(ctx, deadline, &TimeoutError{Name: "budget", Limit: usable, Elapsed: usable})
	return child, cancel, nil
}

// saturatingAdd adds two durations that are not negative.
func saturatingAdd(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
