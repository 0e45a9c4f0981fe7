package ctxutil

// This file holds the sleep that its context can end.

import (
	"context"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
)

// Sleep returns nil once d has passed. It fails as soon as ctx is done, and it
// fails without sleeping where it can't sleep to the end:
//
//   - ctx is done, even if d is zero or negative, or gets done during the
//     sleep: the error is ctx.Err() where the cause says no more, and otherwise
//     one that errors.Is and errors.As find both in;
//   - ctx has a deadline before the end of the sleep: a [*TimeoutError] named
//     "sleep", which Is [context.DeadlineExceeded], with the time left as Limit
//     and d as RetryAfter.
//
// A sleep that ends together with its context has been slept: the result is
// nil. A d that is zero or negative has passed: nil at once, without
// allocating. Sleep may be called concurrently, starts no goroutine, leaves no
// timer, and panics if ctx is nil.
func Sleep(ctx context.Context, d time.Duration) error {
	if ctx == nil {
		panic("ctxutil: Sleep with a nil context")
	}
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline); left < d {
			return &TimeoutError{Name: "sleep", Limit: max(left, 0), RetryAfter: d}
		}
	}
	began := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
	}
	if time.Since(began) >= d { // the two met, and the select chose freely
		return nil
	}
	return ctxerr.Of(ctx)
}
