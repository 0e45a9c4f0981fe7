package errgroup

// This file is the group as its user sees it: the exported calls, and the state
// that they and the workers share.

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// A Group is a collection of tasks that are parts of one job.
//
// The zero Group is valid, has no limit and cancels nothing on an error. A
// Group must not be copied after its first use. All its methods may be called
// concurrently, from tasks of the group too.
//
// What happens before Go(f) is visible to f. What f does is visible to whoever
// a Wait returns to that counted f, and, under a limit, to the task that gets
// f's slot: at limit 1 tasks need no lock between them.
type Group struct {
	// cancel ends the context that the group derived; nil for a zero Group.
	// Set by the constructor, called without the lock.
	cancel func(error)
	// fresh runs every task on a goroutine of its own. Set by the constructor.
	fresh bool
	// strict makes a Goexit count as a failure. Set by the constructor.
	strict bool

	mu struct {
		sync.Mutex
		limited bool
		limit   int // tasks that may be active, if limited

		// active counts the tasks that hold a slot: accepted and not finished.
		// While a Go is blocked under a limit above zero, active >= limit; so
		// active == 0 means that the group is at rest.
		active int
		queue  queue  // accepted tasks that no worker has taken
		spare  int    // workers that are inside no task; >= queue.len()
		worker func() // g.work, bound when the first is needed for the queue
		begun  bool   // the first task under a limit has been accepted

		blocked waiters // Gos at the limit, oldest first
		pace    pace

		err    error     // the first error; never replaced
		rest   sync.Cond // signalled when active falls to zero
		rounds uint64    // how often it has
	}

	// woken counts the Gos that were blocked, have been admitted, and have not
	// come back to life yet. Raised under the lock and lowered without it.
	woken atomic.Int32
}

// Options are the settings of a group made by [New]. The zero value is a group
// without a limit.
type Options struct {
	// Limit is the most tasks that run at once; zero or negative: no limit.
	Limit int
	// FreshGoroutines runs every task on a goroutine of its own, where a group
	// with a limit otherwise reuses its workers: for tasks that lock their
	// thread, set profiler labels, or are told apart by their goroutine.
	FreshGoroutines bool
	// Unordered makes [Stream] hand out results as they come, and not in the
	// order of the sequence. Only Stream reads it.
	Unordered bool
}

// New returns a Group with the given options and a context derived from ctx,
// as [WithContext] does. Other than there, a task that calls [runtime.Goexit]
// fails with [belay.ErrGoexit].
func New(ctx context.Context, o Options) (*Group, context.Context) {
	g, ctx := WithContext(ctx)
	g.strict = true
	g.fresh = o.FreshGoroutines
	if o.Limit > 0 {
		g.SetLimit(o.Limit)
	}
	return g, ctx
}

// WithContext returns a new Group without a limit and a context derived from
// ctx. That context is cancelled by the first task that returns an error, with
// the error as its cause, or by the first Wait that returns, with
// [context.Canceled] as its cause; it lives until then or until ctx ends.
func WithContext(ctx context.Context) (*Group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{cancel: cancel}, ctx
}

// Go runs f as a task of the group. At the limit it blocks until a slot is
// free, Gos that block being served in order; nothing ends that wait but a
// slot or [Group.SetLimit]. The first task to return an error cancels the
// group's context, if it has one, and Wait returns that error.
//
// Go may be called at any time, also while and after a Wait. It panics if f is
// nil.
func (g *Group) Go(f func() error) {
	if f == nil {
		panic("errgroup: Go of a nil func")
	}
	g.lock()
	if g.fullLocked() {
		g.block(f)
		return
	}
	g.accept(f)
}

// TryGo runs f as a task of the group if that is possible without blocking,
// and reports whether it did. While any Go is blocked it is not. It panics if
// f is nil.
func (g *Group) TryGo(f func() error) bool {
	if f == nil {
		panic("errgroup: TryGo of a nil func")
	}
	g.lock()
	if g.fullLocked() {
		g.mu.Unlock()
		return false
	}
	g.accept(f)
	return true
}

// SetLimit lets at most n tasks of the group run at once. A negative n means
// no limit; with zero every Go blocks and every TryGo fails. Gos that are
// blocked proceed as far as the new limit allows.
//
// With n >= 0 it panics while any task of the group is active, with an error
// that names their number, and changes nothing.
func (g *Group) SetLimit(n int) {
	g.lock()
	if active := g.mu.active; active != 0 && n >= 0 {
		g.mu.Unlock()
		panic(fmt.Errorf("errgroup: modify limit while %v goroutines in the group are still active", active))
	}
	g.limitTo(n)
}

// Wait blocks until every task of the group has returned, those of Gos blocked
// at the limit included, then cancels the group's context and returns the
// first error of a task, if there was one.
//
// Any number of goroutines may Wait, any number of times; a Group may be used
// on after Wait, where it keeps its first error and its cancelled context.
// Nothing ends a Wait early.
func (g *Group) Wait() error {
	g.mu.Lock()
	if g.mu.rest.L == nil {
		g.mu.rest.L = &g.mu
	}
	for round := g.mu.rounds; g.mu.active > 0 && g.mu.rounds == round; {
		g.mu.rest.Wait()
	}
	err := g.mu.err
	g.mu.Unlock()
	if g.cancel != nil {
		g.cancel(err)
	}
	return err
}

// fail records the first error and cancels the context with it. The error is
// set before the cancel: a sibling that returns because of the cancel always
// comes second.
func (g *Group) fail(err error) {
	g.mu.Lock()
	first := g.mu.err == nil
	if first {
		g.mu.err = err
	}
	g.mu.Unlock()
	if first && g.cancel != nil {
		g.cancel(err)
	}
}
