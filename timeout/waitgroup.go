package timeout

// This file holds the group whose wait can be given up.
//
// A group is in one of three states, all under its lock:
//
//	idle     tasks == 0                  no round, no waiter
//	running  tasks > 0, round == nil     nobody waits
//	awaited  tasks > 0, round != nil     round.waiters > 0 calls wait on it
//
//	idle    -> running  Add of more than zero
//	running -> awaited  the first wait: makes the round
//	awaited -> running  the last waiter gives up: forgets the round
//	running -> idle     the counter reaches zero
//	awaited -> idle     the counter reaches zero: closes the round's channel
//
// A waiter holds on to its own round. That is why it can't miss a zero that is
// passed quickly, can't be woken early by the end of another round, and needs
// no rule about who may add while somebody waits. The tempting shorter version
// has one condition that each waiter checks after it woke up: there a counter
// that is back above zero by then puts a waiter to sleep that had every reason
// to return.
//
// A round never outlives its last waiter, so its channel never leaves the
// synctest bubble in which somebody waited.

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
)

// WaitGroup waits for a number of tasks to end, like a [sync.WaitGroup], with a
// wait that can be given up. The zero value has no tasks and is ready to use.
// All methods may be called concurrently. A WaitGroup must not be copied after
// first use; go vet reports copies.
//
// Against sync.WaitGroup: a task may be added at any time, also from zero while
// others wait, and a wait that began before is released by the first zero that
// comes after it began. The panic texts begin with this package's name. Go of a
// nil function panics in the caller.
//
// In the terms of the Go memory model, a call to Done, or the return of a
// function started by Go, is synchronized before the return of every wait that
// it releases, and of every wait that finds the counter at zero because of it.
// A wait that was given up is synchronized with nothing.
type WaitGroup struct {
	mu struct {
		sync.Mutex
		tasks int
		round *round
	}
}

// round is one stretch of waiting, from the first waiter to a zero of the
// counter or to the last waiter who gives up.
type round struct {
	zero    chan struct{} // closed when the counter reaches zero; nothing is sent
	waiters int           // guarded by the group's lock; never zero
}

// Add adds delta, which may be negative, to the number of tasks. Where that
// becomes zero, all who wait are released. If it would fall below zero, or
// exceed what an int holds, Add panics and the number stays as it was.
func (wg *WaitGroup) Add(delta int) {
	wg.mu.Lock()
	tasks := wg.mu.tasks + delta
	if tasks < 0 {
		wg.mu.Unlock()
		panic("timeout: negative WaitGroup counter")
	}
	wg.mu.tasks = tasks
	var over *round
	if tasks == 0 {
		over, wg.mu.round = wg.mu.round, nil
	}
	wg.mu.Unlock()
	if over != nil {
		close(over.zero)
	}
}

// Done takes one task from the number of tasks: Add(-1), and panics as that
// does.
func (wg *WaitGroup) Done() { wg.Add(-1) }

// Go calls f on a new goroutine, as a task of the group until f returns or
// leaves by [runtime.Goexit]. It panics if f is nil, and adds nothing then.
//
// If f panics, the process crashes as with any goroutine. The task is not over
// then: if it were, a waiter could be released, and could exit the process with
// a status of its own before the panic has.
func (wg *WaitGroup) Go(f func()) {
	if f == nil {
		panic("timeout: Go of a nil function")
	}
	wg.Add(1)
	go func() { // ends with f
		defer func() {
			// Only recover can tell a panic from a Goexit. Panicking again is
			// fatal from here, with the stack of f still there to be printed.
			if value := recover(); value != nil {
				panic(value)
			}
			wg.Done()
		}()
		f()
	}()
}

// Len returns how many tasks there are at this moment. What it tells may be
// over by the time that it is read: it is for logs, not for decisions.
func (wg *WaitGroup) Len() int {
	wg.mu.Lock()
	defer wg.mu.Unlock()
	return wg.mu.tasks
}

// Wait blocks until there are no tasks, and returns at once if there are none.
func (wg *WaitGroup) Wait() {
	if r := wg.join(); r != nil {
		<-r.zero
	}
}

// WaitContext waits as [WaitGroup.Wait] does, but no longer than until ctx is
// done. It returns nil if there are no tasks, even if ctx is done already.
//
// Otherwise the error says how many tasks were running when the wait was given
// up, and wraps both ctx.Err() and the cause of ctx: compare with errors.Is,
// for it is never ctx.Err() itself, as the same error of most other calls of
// this module is. Its Timeout method is true if ctx ended by a deadline. The
// tasks go on, and nothing of the wait is left.
func (wg *WaitGroup) WaitContext(ctx context.Context) error {
	r := wg.join()
	if r == nil {
		return nil
	}
	select {
	case <-r.zero:
		return nil
	case <-ctx.Done():
	}
	tasks := wg.leave(r)
	if tasks == 0 {
		return nil
	}
	return &stillRunning{tasks: tasks, err: ctxerr.Of(ctx)}
}

// WaitTimeout waits as [WaitGroup.Wait] does, but no longer than d, and reports
// whether it gave up. A d that is zero or negative has already passed: then
// WaitTimeout doesn't wait, and reports whether there are any tasks. The tasks
// go on, and nothing of the wait is left.
func (wg *WaitGroup) WaitTimeout(d time.Duration) (timedOut bool) {
	if d <= 0 {
		return wg.Len() > 0
	}
	r := wg.join()
	if r == nil {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.zero:
		return false
	case <-timer.C:
		return wg.leave(r) > 0
	}
}

// join enters the current round, and makes one if there is none. It returns nil
// if there is nothing to wait for.
func (wg *WaitGroup) join() *round {
	wg.mu.Lock()
	defer wg.mu.Unlock()
	if wg.mu.tasks == 0 {
		return nil
	}
	if wg.mu.round == nil {
		wg.mu.round = &round{zero: make(chan struct{})}
	}
	wg.mu.round.waiters++
	return wg.mu.round
}

// leave gives up a wait on r. It returns how many tasks are running, or zero if
// r came to its end in the meantime, in which case the wait has succeeded:
// where both happened, the result wins.
func (wg *WaitGroup) leave(r *round) (tasks int) {
	wg.mu.Lock()
	defer wg.mu.Unlock()
	if wg.mu.round != r {
		return 0
	}
	if r.waiters--; r.waiters == 0 {
		wg.mu.round = nil
	}
	return wg.mu.tasks
}

// stillRunning is the error of a wait that its context ended. It has no
// exported type, for a TimeoutError would be wrong after a cancel, and the
// number it holds is history: Len has the one to decide by.
type stillRunning struct {
	tasks int   // at the moment of giving up; more than zero
	err   error // of the context
}

// Error names the number before the reason.
func (e *stillRunning) Error() string {
	return "timeout: " + strconv.Itoa(e.tasks) + " of the group still running: " + e.err.Error()
}

// Unwrap lets errors.Is and errors.As reach the context's Err and cause.
func (e *stillRunning) Unwrap() error { return e.err }

// Timeout reports whether the context ended by its deadline.
func (e *stillRunning) Timeout() bool {
	t, ok := e.err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}
