package ctxutil

// This file lets work go on for a while after its context has ended.
//
// A detached context is in one of these states:
//
//	live -> ending      its parent ended: the grace runs, the deadline is fixed
//	ending -> expired   the grace is up: DeadlineExceeded, a *TimeoutError
//	live, ending -> cancelled  its cancel: Canceled, Canceled
//
// What Detach returns is a child, of package context, of the type below, and
// has all that such a child has: children of its own without a goroutine, and
// transitions under one lock. It is done so because nothing else makes a
// context of package context report DeadlineExceeded at a time that is not
// known when it is made: it takes over the Err and cause of a parent that ends.

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
)

// Detach returns a context that outlives ctx by at most grace, and the function
// that ends it at once. It is for what has to be finished, but not at any
// price, once the request it came from is over: the audit record, the message to
// the others. Without a limit, [context.WithoutCancel] is what does that.
//
// It keeps the values of ctx, and none of its ends:
//
//   - while ctx is live, so is the result;
//   - the end of ctx starts the grace, whether or not anybody looks, counted
//     from the deadline of ctx if that has passed by then. If ctx is done at the
//     call, the grace counts from the call;
//   - when it is up, Err is [context.DeadlineExceeded] and the cause a
//     [*TimeoutError] named "grace", whose text says why ctx had ended;
//   - when the cancel function comes first, both are [context.Canceled], and
//     neither a timer nor anything in ctx is left.
//
// The deadline is the one of ctx and the grace together as long as ctx is live,
// which the end never comes after, and from then on the exact one. A ctx
// without a deadline has the result without one until then.
//
// A grace that is zero or negative has already passed: the result ends with ctx
// and has its Err and cause. So does that of a ctx that never ends, whatever the
// grace. A grace beyond what the clock can count never passes.
//
// No goroutine waits, neither for ctx, unless that is of somebody's own type, nor
// for the grace. A forgotten cancel keeps the result in ctx until that has ended,
// and the timer until the grace is up. The cancel function may be called more
// than once and concurrently. Detach may be called concurrently; it panics if
// ctx is nil.
func Detach(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	switch {
	case ctx == nil:
		panic("ctxutil: Detach of a nil context")
	case grace <= 0 || ctx.Done() == nil:
		return context.WithCancel(ctx)
	case ctx.Err() != nil:
		return context.WithDeadlineCause(context.WithoutCancel(ctx), time.Now().Add(grace), graceUp(ctx, grace))
	}
	d := &detached{parent: ctx, grace: grace, done: make(chan struct{})}
	child, cancel := context.WithCancel(d)
	d.leave = context.AfterFunc(ctx, d.parentEnded)
	return child, cancel
}

// graceUp is the cause of a context whose grace is up.
func graceUp(parent context.Context, grace time.Duration) error {
	return &TimeoutError{Name: "grace", Limit: grace, Elapsed: grace, after: ctxerr.Of(parent)}
}

// detached is the parent of one context of package context, its child, and is
// known to nobody else.
type detached struct {
	parent context.Context // what it came from, for its values and deadline
	grace  time.Duration
	done   chan struct{} // closed when expired is set
	expire func()        // ends the child with our Err and cause; set by AfterFunc
	leave  func() bool   // takes us out of parent

	// expired is nil until the grace is up. Then it is a context that is done
	// and stands for this one: the child takes Err and cause from there.
	expired atomic.Pointer[context.Context]

	mu struct {
		sync.Mutex
		cancelled bool        // no timer may be made any more
		timer     *time.Timer // of the grace; nil while parent is live
		deadline  time.Time   // when it fires
	}
}

// AfterFunc is what package context calls, once, to have its child ended: f
// takes our Err and cause over. It calls the function returned when the child
// was cancelled.
func (d *detached) AfterFunc(f func()) (stop func() bool) {
	d.expire = f
	return d.cancelled
}

// parentEnded starts the grace. It runs in a goroutine of its own.
func (d *detached) parentEnded() {
	began := time.Now()
	if was, ok := d.parent.Deadline(); ok && was.Before(began) {
		began = was // or the end would come after the deadline that we had
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.cancelled {
		return
	}
	d.mu.deadline = began.Add(d.grace)
	d.mu.timer = time.AfterFunc(time.Until(d.mu.deadline), d.graceEnded)
}

// graceEnded ends the child. It runs in a goroutine of its own.
func (d *detached) graceEnded() {
	// A time long past, so that it is done in any case; the clock on the wall
	// may have been set back.
	expired, cancel := context.WithDeadlineCause(context.WithoutCancel(d.parent), time.Time{}, graceUp(d.parent, d.grace))
	cancel()
	d.expired.Store(&expired)
	close(d.done)
	if d.expire != nil { // or package context watches done, which costs it a goroutine
		d.expire()
	}
}

// cancelled leaves nothing behind, after the child was cancelled.
func (d *detached) cancelled() bool {
	left := d.leave()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.cancelled = true
	if d.mu.timer != nil {
		return d.mu.timer.Stop()
	}
	return left
}

// Deadline returns the latest time at which the grace is up.
func (d *detached) Deadline() (time.Time, bool) {
	d.mu.Lock()
	deadline := d.mu.deadline
	d.mu.Unlock()
	if !deadline.IsZero() {
		return deadline, true
	}
	deadline, ok := d.parent.Deadline()
	if !ok {
		return time.Time{}, false
	}
	return deadline.Add(d.grace), true
}

// Done returns a channel that package context looks at once, to see that this
// context can end and has not.
func (d *detached) Done() <-chan struct{} { return d.done }

// Err returns nil until the grace is up.
func (d *detached) Err() error {
	if expired := d.expired.Load(); expired != nil {
		return (*expired).Err()
	}
	return nil
}

// Value returns the value of parent for key.
//
// By a key of its own package context asks it which context to attach the child
// to, and does not take the answer, that of parent, as its Done channel is not
// ours. Once the grace is up it asks again, for the cause, and must get ours.
func (d *detached) Value(key any) any {
	if expired := d.expired.Load(); expired != nil {
		return (*expired).Value(key)
	}
	return d.parent.Value(key)
}
