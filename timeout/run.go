package timeout

// This file holds the call that is bounded in time and waits for its function.

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/internal/ctxerr"
)

// Run calls f with a child of ctx that ends d after the call, or when ctx does,
// and returns what f returns. It is for a function that looks at its context:
// Run waits for f, however long that takes, on the caller's own goroutine, so
// nothing is left behind, and a panic or a [runtime.Goexit] in f is one in the
// caller. For a function that may not come back in time there is [Abandon].
//
// When the time is up, the cause of f's context is a [*ctxutil.TimeoutError]
// named "run"; where ctx has a deadline that comes sooner, it is the cause of
// that. The context is cancelled when Run returns.
//
// A result wins: what f returns is returned, after its time too. But an error
// that says no more than that f's context is done, as most libraries return it,
// gets the cause beside it: errors.Is and errors.As reach both, the text says
// which limit it was and how long it took, and Timeout() is true of a deadline.
// Every other error is returned as it is.
//
// If ctx is done, f isn't called, and the error says both what ended ctx and
// why. A d that is zero or negative has already passed: f isn't called, and the
// error is that of a context whose time is up. Run may be called concurrently;
// it panics if ctx or f is nil.
func Run[T any](ctx context.Context, d time.Duration, f func(context.Context) (T, error)) (T, error) {
	if ctx == nil {
		panic("timeout: Run with a nil context")
	}
	if f == nil {
		panic("timeout: Run of a nil function")
	}
	var none T
	if err := ctxerr.Of(ctx); err != nil {
		return none, err
	}
	bounded, cancel := ctxutil.ShrinkNamed(ctx, "run", d)
	defer cancel()
	if err := ctxerr.Of(bounded); err != nil {
		return none, err
	}
	value, err := f(bounded)
	return value, explained(bounded, err)
}

// explained returns err, with the cause of ctx beside it if err says that ctx
// is done but not why.
func explained(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	done := ctx.Err() // before the cause, so that the two belong together
	if done == nil || !is(err, done) {
		return err
	}
	cause := context.Cause(ctx)
	if is(err, cause) {
		return err
	}
	return &explainedError{err: err, cause: cause, timeout: errors.Is(done, context.DeadlineExceeded)}
}

// is is errors.Is for a target that may be of any type: == of two values that
// can't be compared would panic, so such a target is never found.
func is(err, target error) bool {
	return reflect.ValueOf(target).Comparable() && errors.Is(err, target)
}

// explainedError is an error of the caller's function and the reason for which
// its context was done.
type explainedError struct {
	err, cause error
	timeout    bool // the context ended by a deadline
}

// Error has the function's own words first.
func (e *explainedError) Error() string { return e.err.Error() + ": " + e.cause.Error() }

// Unwrap lets errors.Is and errors.As reach both.
func (e *explainedError) Unwrap() []error { return []error{e.err, e.cause} }

// Timeout reports whether it was a deadline, whatever the two say of themselves.
func (e *explainedError) Timeout() bool { return e.timeout }
