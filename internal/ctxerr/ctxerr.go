// Package ctxerr builds the error of a call that ends because its context is
// done (rule 4 of CONTRACT.md). Every package above returns exactly this
// error, so that errors.Is, errors.As and Timeout answer alike everywhere.
package ctxerr

import (
	"context"
	"errors"
	"reflect"
)

// Of returns nil while ctx is not done. Afterwards it returns ctx.Err()
// itself where the cause is that same value, without an allocation, and
// otherwise an error that wraps both.
//
// Err is read before Cause: a context sets its cause before or together with
// its error, so a cause read later belongs to the error read here.
func Of(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if cause == nil || same(err, cause) {
		return err
	}
	return &doneError{err: err, cause: cause}
}

// same compares without the run-time panic that == has for two values of one
// uncomparable type; such values count as different. Only somebody's own
// context can have such an error, so reflection, which allocates, comes last.
func same(err, cause error) bool {
	if err == context.Canceled || err == context.DeadlineExceeded {
		return err == cause
	}
	return reflect.ValueOf(err).Comparable() && err == cause
}

// doneError is the end of a context whose cause says more than its Err.
type doneError struct{ err, cause error }

// Error names the kind of end first and then its cause.
func (e *doneError) Error() string { return e.err.Error() + ": " + e.cause.Error() }

// Unwrap lets errors.Is and errors.As reach both.
func (e *doneError) Unwrap() []error { return []error{e.err, e.cause} }

// Timeout reports whether the context ended by its deadline, whatever the
// cause's own Timeout says.
func (e *doneError) Timeout() bool { return errors.Is(e.err, context.DeadlineExceeded) }
