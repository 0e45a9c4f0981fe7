package belayredis

// This file is the error of a context that is done, by rule 4 of the contract.

import (
	"context"
	"errors"
	"reflect"
)

// ended returns nil while ctx is not done, then ctx.Err(), or an error that is the
// cause as well where that says more.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if cause == nil || reflect.ValueOf(cause).Comparable() && cause == err {
		return err
	}
	return &endedError{err, cause}
}

type endedError struct{ err, cause error }

func (e *endedError) Error() string   { return e.err.Error() + ": " + e.cause.Error() }
func (e *endedError) Unwrap() []error { return []error{e.err, e.cause} }
func (e *endedError) Timeout() bool   { return errors.Is(e.err, context.DeadlineExceeded) }
