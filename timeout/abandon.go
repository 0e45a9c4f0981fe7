package timeout

// This file holds the call that returns in time although its function may not.
//
// A call is in one of three states, and one compare-and-swap decides where it
// goes, so that exactly one side has what f comes to:
//
//	running    f runs, and the caller waits for the end of f's context
//	finished   f ended first: the caller has its result
//	abandoned  the caller left first: f is at large, its result is the Runner's
//
//	running -> finished   by f's goroutine when f has ended, in whatever way
//	running -> abandoned  by the caller when f's context is done
//
// The caller waits for nothing but the end of f's context, which f's goroutine
// cancels once it has finished: the context has to be cancelled then anyway,
// and so needs no channel for the result beside it.

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/internal/ctxerr"
)

// ErrTooManyAbandoned is the error of an [Abandon] that would have started one
// more function beside all those that their callers have left behind.
var ErrTooManyAbandoned = errors.New("timeout: too many abandoned calls are still running")

// defaultMaxAbandoned is enough for a dependency that hangs now and then, and
// what their stacks and connections cost is not yet what ends the process.
const defaultMaxAbandoned = 100

// Runner keeps account of the functions that outlive their [Abandon]. Nobody
// can end them, so it counts them, bounds their number, hands on what they come
// to, and can be waited for. The zero value is ready to use; a Runner must not
// be copied after first use. All its methods, and Abandon, may be called
// concurrently, but the fields must not be changed any more then.
//
// In the terms of the Go memory model, the end of an abandoned function is
// synchronized before its call of OnLate, and that before the return of every
// wait that it releases.
type Runner struct {
	// Name is what errors call the functions: as in "payments: timed out after
	// 2s". Where it is empty that is "abandon".
	Name string

	// MaxAbandoned is from how many abandoned functions on no further one is
	// started. Zero is 100, and negative no bound.
	//
	// Those that run already when the bound is reached may be abandoned past
	// it, for to keep them from that would be to keep their callers waiting, or
	// to bound how many run at all. Who needs a number that is never passed
	// bounds that too: with a semaphore of n around Abandon there are never more
	// than MaxAbandoned-1+n.
	MaxAbandoned int

	// OnLate is called once for each abandoned function when it has ended: with
	// what it returned, with nil and a [*belay.PanicError], or with nil and
	// [belay.ErrGoexit]. It runs on that function's goroutine, which counts as
	// abandoned until OnLate returns, so it must not wait for its Runner; it
	// may run concurrently. If it panics, the process crashes.
	//
	// Without an OnLate late results and errors are dropped, and a late panic
	// crashes the process, as it would have without a timeout.
	OnLate func(value any, err error)

	atLarge WaitGroup // a task for each function that is abandoned
	mu      struct {
		sync.Mutex
		total, refused, failed, panicked uint64 // for Stats
	}
}

// Abandon calls f with a child of ctx that ends d after the call, or when ctx
// does, on a goroutine of its own, and returns what f returns. When that context
// is done and f has not ended, Abandon returns anyway, at once: the error says
// both what ended the context and why, which is a [*ctxutil.TimeoutError] with
// the name of r where d is up, and f is abandoned. It is for a function that
// doesn't look at its context; for all others, [Run] leaves nothing behind.
//
// No goroutine can be killed. An abandoned f runs on for as long as it likes,
// and holds what it holds. It is counted by r until it has ended, and what it
// comes to goes to r's OnLate. Abandon writes nothing of the caller's, but f may:
// what it captures it shares with a caller that has gone on, and has to guard.
// What f returns is safe, so return it, and don't assign it.
//
// A result wins: if f ends at the very moment at which its context does, the
// call returns what f returned. An error of f that says no more than that its
// context is done gets the cause beside it, as with Run.
//
// If f panics before Abandon has returned, Abandon panics with a
// [*belay.PanicError] that has the stack of f, and shows it if the process
// crashes. A [runtime.Goexit] in f, as by a t.FailNow, is [belay.ErrGoexit].
//
// If ctx is done, f isn't called, and the error says both what ended ctx and
// why. A d that is zero or negative has already passed: f isn't called, and the
// error is that of a context whose time is up. If r has MaxAbandoned functions
// at large or more, f isn't called, and the error is [ErrTooManyAbandoned].
// Abandon may be called concurrently; it panics if ctx, r or f is nil. It would be
// a method of the Runner if a method could have a type parameter.
//
// In a testing/synctest bubble f must end before the bubble does.
func Abandon[T any](r *Runner, ctx context.Context, d time.Duration, f func(context.Context) (T, error)) (T, error) {
	switch {
	case ctx == nil:
		panic("timeout: Abandon with a nil context")
	case r == nil:
		panic("timeout: Abandon with a nil Runner")
	case f == nil:
		panic("timeout: Abandon of a nil function")
	}
	var none T
	if err := ctxerr.Of(ctx); err != nil {
		return none, err
	}
	if d > 0 && r.full() {
		return none, ErrTooManyAbandoned
	}
	bounded, cancel := ctxutil.ShrinkNamed(ctx, r.name(), d)
	if err := ctxerr.Of(bounded); err != nil {
		cancel()
		return none, err
	}
	c := &call[T]{cancel: cancel}
	go c.run(r, bounded, f) // ends with f and OnLate; r counts it if that is late
	<-bounded.Done()
	if !atThisInstant(c.finished) && r.abandon(&c.state) {
		return none, ctxerr.Of(bounded)
	}
	if c.panicked != nil {
		c.panicked.Repanic()
	}
	return c.value, explained(bounded, c.err)
}

// Abandoned returns how many abandoned functions there are at this moment. What
// it tells may be over by the time that it is read: it is for logs.
func (r *Runner) Abandoned() int { return r.atLarge.Len() }

// WaitContext waits until there are no abandoned functions, and their OnLate
// have returned, but no longer than until ctx is done. It waits and fails as
// [WaitGroup.WaitContext] does. Calls whose caller still waits don't count.
func (r *Runner) WaitContext(ctx context.Context) error { return r.atLarge.WaitContext(ctx) }

// Stats returns what the Runner knows of its abandoned functions; a call that
// was in time is not in it. Limit is MaxAbandoned, InFlight what Abandoned
// returns, which may be more, Total how many were ever abandoned, Refused how
// many calls failed with [ErrTooManyAbandoned], and Failed and Panicked how many
// came to an error or a panic in the end.
func (r *Runner) Stats() belay.Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return belay.Stats{
		Limit:    int64(r.limit()),
		InFlight: int64(r.atLarge.Len()),
		Total:    r.mu.total,
		Refused:  r.mu.refused,
		Failed:   r.mu.failed,
		Panicked: r.mu.panicked,
	}
}

func (r *Runner) name() string {
	if r.Name == "" {
		return "abandon"
	}
	return r.Name
}

// limit is MaxAbandoned as it is meant; -1 is none.
func (r *Runner) limit() int {
	if r.MaxAbandoned == 0 {
		return defaultMaxAbandoned
	}
	return max(r.MaxAbandoned, -1)
}

// full reports whether no function must be started.
func (r *Runner) full() bool {
	limit := r.limit()
	if limit < 0 || r.atLarge.Len() < limit {
		return false
	}
	r.mu.Lock()
	r.mu.refused++
	r.mu.Unlock()
	return true
}

// abandon takes a running call from running to abandoned, and counts it. Both
// are one step for who holds the lock, as f's goroutine does before it takes
// itself from the count; and a call that has finished is never in it.
func (r *Runner) abandon(s *atomic.Uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.CompareAndSwap(running, abandoned) {
		return false
	}
	r.mu.total++
	r.atLarge.Add(1)
	return true
}

// late hands on what an abandoned function came to, and ends its being counted.
func (r *Runner) late(value any, err error, panicked bool) {
	r.mu.Lock()
	switch {
	case panicked:
		r.mu.panicked++
	case err != nil:
		r.mu.failed++
	}
	r.mu.Unlock()
	defer func() {
		// A panic in OnLate has to crash the process before it releases
		// anybody who could end it as if nothing had happened.
		if value := recover(); value != nil {
			panic(value)
		}
		r.atLarge.Done()
	}()
	if r.OnLate != nil {
		r.OnLate(value, err)
	}
}

// The states of a call, which the comment on top of the file draws.
const (
	running uint32 = iota
	finished
	abandoned
)

// call is one Abandon. What f comes to is written by f's goroutine before it
// decides the state; it is the caller's to read after that is finished.
type call[T any] struct {
	state  atomic.Uint32
	cancel context.CancelFunc // of f's context; called by f's goroutine

	value    T
	err      error
	returned bool              // f did, and neither panicked nor left by Goexit
	panicked *belay.PanicError // nil if f didn't
}

func (c *call[T]) finished() bool { return c.state.Load() == finished }

func (c *call[T]) run(r *Runner, ctx context.Context, f func(context.Context) (T, error)) {
	defer c.end(r)
	c.value, c.err = f(ctx)
	c.returned = true
}

// end is deferred, and on top of the frames of f if f panicked.
func (c *call[T]) end(r *Runner) {
	var value any
	if !c.returned {
		c.err = belay.ErrGoexit
		if value = recover(); value != nil {
			c.panicked = caught(value)
		}
	}
	if c.state.CompareAndSwap(running, finished) {
		c.cancel()
		return
	}
	c.cancel()
	switch {
	case c.panicked == nil && c.returned:
		r.late(c.value, c.err, false)
	case c.panicked == nil:
		r.late(nil, c.err, false)
	case r.OnLate == nil:
		panic(value) // not caught: the stack of f is still there to be printed
	default:
		r.late(nil, c.panicked, true)
	}
}

// caught makes an error of a recovered panic. It must be called while the frames
// that panicked are on the stack.
func caught(value any) *belay.PanicError {
	if e, again := value.(*belay.PanicError); again {
		return e // of a call within f, whose stack says more than this one
	}
	return &belay.PanicError{Value: value, Stack: debug.Stack()}
}
