package ctxutil

// This file holds the error that every timeout of the module is reported by.

import (
	"context"
	"time"
)

// TimeoutError says that a time limit was reached, or would have been: the only
// error type for a timeout in this module. It is the cause of a context whose
// time is up and that [Shrink], [Budget] or [Detach] bounded, and the error of a
// wait, or of a [Budget], that was refused because it would have outlasted its
// deadline.
//
// errors.Is(err, context.DeadlineExceeded) is true for every TimeoutError. It
// is immutable once returned, so it may be read concurrently; it is used as
// *TimeoutError, the type to ask [errors.As] for.
type TimeoutError struct {
	// Name says what was limited; it is empty if nobody named it.
	Name string

	// Limit is the time that was allowed; of a refused wait, the time that was
	// left before the deadline, without what Budget had to keep in reserve. It is
	// as it was asked for, so it may be zero or negative.
	Limit time.Duration

	// Elapsed is how much of the monotonic clock had passed when the time was
	// up; zero for a limit that had passed from the start, and for a refused
	// wait. For a context it counts to the deadline, which is the moment that
	// decided; what a busy scheduler adds until somebody notices is not in it.
	Elapsed time.Duration

	// RetryAfter is how long a refused wait would have taken, with the reserve,
	// so that whoever can spend that much may come back with a later deadline. It
	// is zero for a limit that was reached.
	RetryAfter time.Duration

	reserve time.Duration // what of RetryAfter Budget had to keep
	after   error         // why the context had ended whose grace this was; nil if it was none
}

// Error returns the name, if there is one, the limit, and the time elapsed or,
// for a refused wait, the time it would have taken. Of a grace it says besides
// why what came before had ended.
func (e *TimeoutError) Error() string {
	text := "ctxutil: "
	if e.Name != "" {
		text += e.Name + ": "
	}
	switch {
	case e.RetryAfter <= 0:
		text += "timed out after " + e.Elapsed.String() + ", limit " + e.Limit.String()
	case e.reserve > 0:
		text += "needs " + e.RetryAfter.String() + ", " + e.reserve.String() + " of it in reserve, and has " + e.Limit.String() + " without that"
	default:
		text += "needs " + e.RetryAfter.String() + ", the deadline is in " + e.Limit.String()
	}
	if e.after != nil {
		text += ", after: " + e.after.Error()
	}
	return text
}

// Timeout returns true: what asks for the method of that name, as os.IsTimeout
// and callers of package net do, sees a timeout.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap returns [context.DeadlineExceeded].
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }
