package timeout

// This file holds the group whose wait can be given up.
//
// A group is one word, so that a task comes and goes by one instruction, and
// what waits for it, behind a lock:
//
//	 63                                    2      1         0
//	+--------------------------------------+------+---------+
//	| tasks                                | shut | awaited |
//	+--------------------------------------+------+---------+
//
// Awaited says that somebody waits, or did and gave up, and that no zero has been
// since they began to. The Done that brings the tasks to zero takes it away with the same
// compare-and-swap, so a zero can't be passed unnoticed, and then releases them:
//
//	idle     tasks == 0              nobody waits whose release is not under way
//	running  tasks > 0, !awaited     the same
//	awaited  tasks > 0, awaited      who waits, if anybody, does so for the next zero
//
//	idle    -> running  Add of more than zero
//	running -> awaited  a wait begins, under the lock
//	awaited -> idle     Done; its next step is to take the lock and to release
//	running -> idle     Done, and that is all
//
// Between that Done and its release the tasks may rise again, and a new wait may
// begin. It must not be released by a zero from before it began, so whoever
// finds waiters under the lock without the bit releases them first, in place of
// that Done, which then finds nothing, or the bit set anew, and leaves. The
// tempting shorter version is an atomic addition, which a reader would expect
// here: it can't take the bit away together with the last task, and in between
// somebody adds.
//
// A plain Wait parks on a condition variable and asks for the number of the
// round, mu.rounds, which every release moves on. That allocates nothing. Waits
// that can be given up need a channel to select on, which they share; it is
// forgotten with the last of them, so it never leaves the synctest bubble in
// which somebody waited.

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
)

const (
	awaited = 1 << iota // somebody waits, or did, and no zero has been since
	shut                // TryAdd is refused

	task     = 1 << iota // one task
	maxTasks = min(math.MaxInt, math.MaxInt64>>1)
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
	state atomic.Uint64              // as drawn above
	timer atomic.Pointer[time.Timer] // at rest, for the next WaitTimeout; or nil

	mu struct {
		sync.Mutex
		rounds uint64                  // how many times waiters have been released
		plain  sync.Cond               // for waits without an end; its L is the lock
		named  map[*namedTask]struct{} // see late.go

		// For the other waits, from the first of them to the next zero or to the
		// last who gives up; then it is nil.
		zero    chan struct{} // closed at the zero; nothing is sent
		waiters int           // on it
		handed  bool          // zero is out by Zero, so that nobody knows who waits
	}
}

// Add adds delta, which may be negative, to the number of tasks. Where that
// becomes zero, all who wait are released. If it would fall below zero, or
// exceed 1<<62-1 (on 32-bit machines what an int holds), Add panics, with one text
// for both as in package sync, and the number stays as it was. Add is not refused
// after a [WaitGroup.Close]; [WaitGroup.TryAdd] is.
func (wg *WaitGroup) Add(delta int) {
	for {
		s := wg.state.Load()
		tasks := int64(s/task) + int64(delta)
		if tasks < 0 || tasks > maxTasks {
			panic("timeout: negative WaitGroup counter")
		}
		next := uint64(tasks)*task | s&(shut|awaited)
		if tasks == 0 {
			next &^= awaited
		}
		if !wg.state.CompareAndSwap(s, next) {
			continue
		}
		if (s&^next)&awaited != 0 {
			wg.release()
		}
		return
	}
}

// TryAdd adds delta, which must be more than zero, to the number of tasks, and
// reports whether it has: it adds nothing once the group is closed. A TryAdd
// that is refused is synchronized after the [WaitGroup.Close]. TryAdd panics if
// delta is zero or negative, and otherwise as Add does.
func (wg *WaitGroup) TryAdd(delta int) bool {
	if delta <= 0 {
		panic("timeout: TryAdd of less than one task")
	}
	for {
		s := wg.state.Load()
		if s&shut != 0 {
			return false
		}
		if s/task+uint64(delta) > maxTasks {
			panic("timeout: negative WaitGroup counter")
		}
		if wg.state.CompareAndSwap(s, s+uint64(delta)*task) {
			return true
		}
	}
}

// Close has every later [WaitGroup.TryAdd] refused, for good; there is no
// opening. It ends no task, and changes nothing for Add and Go, which a task of
// the group may need to finish. It may be called more than once.
func (wg *WaitGroup) Close() { wg.state.Or(shut) }

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
	wg.start(f)
}

// start runs f as a task that has been added.
func (wg *WaitGroup) start(f func()) {
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
func (wg *WaitGroup) Len() int { return int(wg.state.Load() / task) }

// Wait blocks until there are no tasks, and returns at once if there are none.
func (wg *WaitGroup) Wait() {
	if wg.state.Load() < task {
		return
	}
	wg.mu.Lock()
	defer wg.mu.Unlock()
	if !wg.awaitLocked() {
		return
	}
	if wg.mu.plain.L == nil { // once, as who is woken reads it without the lock
		wg.mu.plain.L = &wg.mu
	}
	for round := wg.mu.rounds; round == wg.mu.rounds; {
		wg.mu.plain.Wait()
	}
}

// Zero returns a channel that is closed at the first moment without tasks from
// now on, for a select among other things. It is closed already if there are no
// tasks. Waiting on it can be given up at any time, and the channel is garbage
// after the next zero, at the latest. It belongs to the testing/synctest bubble
// in which it was asked for, and so does the group until that zero.
func (wg *WaitGroup) Zero() <-chan struct{} {
	wg.mu.Lock()
	defer wg.mu.Unlock()
	if !wg.awaitLocked() {
		none := make(chan struct{})
		close(none)
		return none
	}
	wg.mu.handed = true
	return wg.zeroLocked()
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
	late := ctx.Err() != nil // so there is no instant to share
	zero := wg.join()
	if zero == nil {
		return nil
	}
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
	}
	if !late && atThisInstant(func() bool { return closed(zero) }) {
		return nil
	}
	wg.mu.Lock()
	tasks := wg.leaveLocked(zero)
	if tasks == 0 {
		wg.mu.Unlock()
		return nil
	}
	oldest, more := wg.oldestLocked()
	wg.mu.Unlock()
	return &stillRunning{tasks: tasks, late: names(oldest, more), err: ctxerr.Of(ctx)}
}

// WaitTimeout waits as [WaitGroup.Wait] does, but no longer than d, and reports
// whether it gave up. A d that is zero or negative has already passed: then
// WaitTimeout doesn't wait, and reports whether there are any tasks. The tasks
// go on, and nothing of the wait is left but a timer at rest, one for a group,
// which its next wait uses.
func (wg *WaitGroup) WaitTimeout(d time.Duration) (timedOut bool) {
	if d <= 0 {
		return wg.state.Load() >= task
	}
	zero := wg.join()
	if zero == nil {
		return false
	}
	timer := wg.takeTimer(d)
	select {
	case <-zero:
		if timer.Stop() { // or else it may have a time to send
			wg.keepTimer(timer)
		}
		return false
	case <-timer.C:
		wg.keepTimer(timer)
	}
	if atThisInstant(func() bool { return closed(zero) }) {
		return false
	}
	wg.mu.Lock()
	defer wg.mu.Unlock()
	return wg.leaveLocked(zero) > 0
}

// takeTimer returns a timer that is set to d. A timer is most of what a wait
// costs, so the group keeps one at rest. It does so outside of bubbles only, for
// one from outside keeps to real time, and one from inside must stay there.
func (wg *WaitGroup) takeTimer(d time.Duration) *time.Timer {
	if timer := wg.timer.Load(); timer != nil && !inBubble() && wg.timer.CompareAndSwap(timer, nil) {
		timer.Reset(d)
		return timer
	}
	return time.NewTimer(d)
}

// keepTimer is the end of takeTimer, for a timer that is at rest and has no time
// left in its channel.
func (wg *WaitGroup) keepTimer(timer *time.Timer) {
	if !inBubble() {
		wg.timer.CompareAndSwap(nil, timer)
	}
}

// awaitLocked sets the bit, and reports whether there is anything to wait for.
// Waiters that it finds without the bit have had their zero, and the Done of that
// has yet to release them. It does so itself, or they would wait for its caller's
// zero, or its caller be released by theirs.
func (wg *WaitGroup) awaitLocked() bool {
	for {
		s := wg.state.Load()
		if s < task {
			return false
		}
		if s&awaited != 0 {
			return true
		}
		if wg.state.CompareAndSwap(s, s|awaited) {
			wg.wake(wg.turnLocked())
			return true
		}
	}
}

// release is what remains to be done after the zero that took the bit away.
func (wg *WaitGroup) release() {
	wg.mu.Lock()
	if wg.state.Load()&awaited != 0 { // who set it again has done this
		wg.mu.Unlock()
		return
	}
	zero := wg.turnLocked()
	wg.mu.Unlock()
	wg.wake(zero) // outside of the lock, which all whom it wakes will want
}

// turnLocked ends the current round. All who wait in it are to be woken.
func (wg *WaitGroup) turnLocked() (zero chan struct{}) {
	zero = wg.mu.zero
	wg.mu.rounds++
	wg.mu.zero, wg.mu.waiters, wg.mu.handed = nil, 0, false
	return zero
}

// wake wakes who waits in rounds that are over.
func (wg *WaitGroup) wake(zero chan struct{}) {
	wg.mu.plain.Broadcast()
	if zero != nil {
		close(zero)
	}
}

// join begins a wait that can be given up. It returns the channel to wait on,
// or nil if there is nothing to wait for.
func (wg *WaitGroup) join() <-chan struct{} {
	if wg.state.Load() < task {
		return nil
	}
	wg.mu.Lock()
	defer wg.mu.Unlock()
	if !wg.awaitLocked() {
		return nil
	}
	wg.mu.waiters++
	return wg.zeroLocked()
}

// zeroLocked returns the round's channel, and makes it if there is none.
func (wg *WaitGroup) zeroLocked() <-chan struct{} {
	if wg.mu.zero == nil {
		wg.mu.zero = make(chan struct{})
	}
	return wg.mu.zero
}

// leaveLocked gives up a wait on zero. It returns how many tasks are running; or
// none if the zero has come, be it that the channel is not closed yet, in which
// case the wait has succeeded: where both happened, the result wins.
func (wg *WaitGroup) leaveLocked(zero <-chan struct{}) (tasks int) {
	s := wg.state.Load()
	if wg.mu.zero != zero || s&awaited == 0 {
		return 0
	}
	if wg.mu.waiters--; wg.mu.waiters == 0 && !wg.mu.handed {
		wg.mu.zero = nil
	}
	return int(s / task)
}
