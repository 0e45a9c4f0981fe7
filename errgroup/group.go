package errgroup

// This file is the group as its user sees it: the exported calls, and the state
// that they and the workers share.

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/belay-go/belay/internal/ctxerr"
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
	// ctx is the context that the group derived, and so may keep; cancel ends
	// it. Both are nil for a zero Group, and set by the constructor. cancel is
	// called without the lock.
	ctx    context.Context
	cancel func(error)
	// fresh runs every task on a goroutine of its own. Set by the constructor.
	fresh bool
	// opts is nil in a group that New has not made.
	opts extras

	mu struct {
		sync.Mutex
		limited bool
		limit   int // tasks that may be active, if limited

		// active counts the tasks that hold a slot: accepted and not finished.
		// While a Go is blocked under a limit above zero, active >= limit; so
		// active == 0 means that the group is at rest.
		active int
		line   *line // of queued tasks and blocked Gos, once there were any

		err error // the first error; never replaced

		rest    sync.Cond       // signalled when active falls to zero
		rounds  uint64          // how often it has
		resting []chan struct{} // of the WaitContexts; closed then

		stats counters
	}

	// woken counts the Gos that were blocked, have been admitted, and have not
	// come back to life yet. Raised under the lock and lowered without it.
	woken atomic.Int32
}

// counters are those of Stats, of which they take the names.
type counters struct {
	Total, Waited, Refused, Cancelled, Failed, Panicked, Skipped uint64
}

// WithContext returns a new Group without a limit and a context derived from
// ctx. That context is cancelled by the first task that returns an error, with
// the error as its cause, or by the first Wait that returns, with
// [context.Canceled] as its cause; it lives until then or until ctx ends.
func WithContext(ctx context.Context) (*Group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{cancel: cancel, ctx: ctx}, ctx
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
	if g.opts != nil {
		f = g.opts.dress(f, f)
	}
	g.lock()
	if g.fullLocked() {
		g.block(f)
		return
	}
	_ = g.accept(g.ctx, f) // what is not accepted is skipped, and Wait says so
}

// GoContext runs f as a task of the group, and gives it the group's context; a
// group that has none gives ctx itself. At the limit it blocks as [Group.Go]
// does, in the same order, but no longer than until ctx is done.
//
// An error means that f is not run. It is that of ctx, and [errors.Is] finds
// both ctx.Err() and the cause of ctx in it; a ctx that is done at the call
// takes no slot even if one is free. GoContext panics if f is nil. It may be
// called at any time, as Go may.
//
// Called from a task of the same group at the limit it waits for a slot like
// any other call: if all tasks that run do so, with contexts that never end,
// the group is deadlocked. Nothing detects that, since nothing tells a task's
// goroutine from one to which the task has lent its context.
func (g *Group) GoContext(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		panic("errgroup: GoContext of a nil func")
	}
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	given := ctx
	if g.ctx != nil {
		given = g.ctx
	}
	task := func() error { return f(given) }
	if g.opts != nil {
		task = g.opts.dress(task, f)
	}
	g.lock()
	if g.fullLocked() {
		return g.blockContext(ctx, task)
	}
	return g.accept(ctx, task)
}

// TryGo runs f as a task of the group if that is possible without blocking,
// and reports whether it did. While any Go is blocked it is not. It panics if
// f is nil.
func (g *Group) TryGo(f func() error) bool {
	if f == nil {
		panic("errgroup: TryGo of a nil func")
	}
	if g.opts != nil {
		f = g.opts.dress(f, f)
	}
	g.lock()
	if g.fullLocked() {
		g.mu.stats.Refused++
		g.mu.Unlock()
		return false
	}
	return g.tryAccept(f)
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

// Resize lets at most n tasks of the group run at once from now on, also while
// tasks run: the one change that a running group's limit allows. A negative n
// means no limit; with zero every Go blocks until the next Resize. Gos that are
// blocked proceed as far as the new limit allows. Below the number of tasks
// that run it takes none of them back, nor any that a Go has returned for; new
// ones start when enough have ended. It may be called at any time.
func (g *Group) Resize(n int) {
	g.lock()
	g.limitTo(n)
}
