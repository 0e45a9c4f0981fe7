package limiter

// This file says why a limit refused.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// The reasons of a [RefusedError]. Compare with [errors.Is].
var (
	// ErrFull: as many units are in flight as may be, or as many calls wait.
	ErrFull = errors.New("limiter: no room")
	// ErrLimited: it happened too often already; there are no tokens yet.
	ErrLimited = errors.New("limiter: too often")
	// ErrTooLarge: more units than the whole limit has, so that waiting would not
	// help.
	ErrTooLarge = errors.New("limiter: request larger than the limit")
	// ErrTooLate: the wait would outlast the context's deadline, so it was not
	// begun. It Is [context.DeadlineExceeded].
	ErrTooLate = fmt.Errorf("limiter: the wait would be too long: %w", context.DeadlineExceeded)
)

// never is the RetryAfter of what no waiting helps.
const never = time.Duration(math.MaxInt64)

// RefusedError reports that a limit granted nothing, and took nothing. It is not
// the error of a context that is done. It must not be changed: one may be
// returned to many callers.
type RefusedError struct {
	// Reason is ErrFull, ErrLimited, ErrTooLarge or ErrTooLate, or another that
	// the limiter's doc names.
	Reason error
	// RetryAfter is how long after the call the same request may be granted, if
	// nobody else takes what it needs; zero if that can't be known, as it depends
	// on when others release; the largest Duration if it never will be.
	RetryAfter time.Duration
	// NoWait says of ErrFull that no call may wait either: where this is the error
	// of TryTake, Take would have been refused as well.
	NoWait bool
}

// Error names the reason and, where it is known, when to come back.
func (e *RefusedError) Error() string {
	switch e.RetryAfter {
	case 0, never:
		return e.Reason.Error()
	}
	return fmt.Sprintf("%v, retry in %v", e.Reason, e.RetryAfter)
}

// Unwrap returns Reason.
func (e *RefusedError) Unwrap() error { return e.Reason }

// Timeout reports whether the reason is a deadline.
func (e *RefusedError) Timeout() bool { return errors.Is(e.Reason, context.DeadlineExceeded) }
