// Package belay is a concurrency toolkit for Go services: what a service
// needs to start work, bound it, give up on it in time, and stop without
// losing any of it. The module's packages share one contract for contexts,
// ownership, time and errors; it is written down in CONTRACT.md, and one test
// suite checks it on every package.
//
//   - errgroup: a bounded group of tasks, drop-in for golang.org/x/sync/errgroup
//   - limiter: one interface over every limit, and several limits as one; below
//     it limiter/semaphore (drop-in for golang.org/x/sync/semaphore),
//     limiter/rate (drop-in for golang.org/x/time/rate), limiter/keyed (a rate or a
//     semaphore per key, in constant memory), limiter/adaptive (a limit that finds
//     itself), limiter/pool (connections and other resources, kept and lent) and
//     limiter/httplimit (HTTP middleware)
//   - timeout: a WaitGroup whose wait can be given up, timers that say what they
//     have done, calls that return in time; below it timeout/httptimeout
//   - ctxutil: deadlines that shrink, contexts of two parents or with a grace,
//     sleeps that end with their context, timeouts that say their name
//   - graceful: starts the parts of a process in order and stops them without
//     losing a request
//
// The package itself holds only the few types that all of them share.
//
// It starts nothing and keeps no state: no goroutine, no channel, no timer at
// package level, here or in any package above, so every value works inside a
// testing/synctest bubble, outside of it, and inside the next one.
package belay

import (
	"errors"
	"fmt"
)

// ErrGoexit reports that a function left by [runtime.Goexit] instead of
// returning: in most programs a t.FailNow on the wrong goroutine. Calls that
// are drop-in twins of another package's report what that package reports
// instead, and say so. Compare with [errors.Is].
var ErrGoexit = errors.New("belay: the function called runtime.Goexit")

// PanicError is a recovered panic: the only type for one in this module. A
// call recovers panics only where its caller asked for that, or during an
// ordered stop; everywhere else a panic crashes the process.
//
// A PanicError is immutable once returned and may be read concurrently.
type PanicError struct {
	// Value is what was passed to panic; a panic(nil) is a
	// *runtime.PanicNilError.
	Value any
	// Stack is the stack of the goroutine that panicked, as
	// runtime/debug.Stack prints it, taken while the panicking frames were
	// still on it.
	Stack []byte

	raised bool // by Repanic
}

// Error returns the panic's value on one line, without the stack. Of a panic that
// [PanicError.Repanic] has raised again the stack stands below.
func (e *PanicError) Error() string {
	text := fmt.Sprintf("belay: panic: %v", e.Value)
	if e.raised {
		text += "\n\n" + string(e.Stack)
	}
	return text
}

// Repanic panics with a copy of e. If nobody recovers that, the process crashes,
// and prints the stack of e besides that of the caller, which is not where it
// happened. It may be called concurrently.
func (e *PanicError) Repanic() {
	again := *e
	again.raised = true
	panic(&again)
}

// Unwrap returns Value if it is an error, so that [errors.Is] and [errors.As]
// reach what was panicked with, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
