package errgroup

// This file is what a group made by New can be asked for.

import (
	"context"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/ctxerr"
)

// Options are the settings of a group made by [New]. The zero value is a group
// without a limit that keeps its first error and crashes on a panic.
type Options struct {
	// Name is what errors, traces and the report of a panic call the group.
	Name string

	// Limit is the most tasks that run at once; zero or negative: no limit.
	// [Group.Resize] changes it.
	Limit int
	// Shared is a limit beside the group's own that several groups share, such
	// as a semaphore of golang.org/x/sync or of this module: a task holds one
	// unit of it from its start to its end. A Go waits for the group's own slot
	// first, then for the unit, and for that no longer than the group's context
	// lives: a task that gets none is skipped, as with SkipDone. Each task then
	// has a goroutine of its own. Release must not block.
	Shared interface {
		Acquire(ctx context.Context, n int64) error
		TryAcquire(n int64) bool
		Release(n int64)
	}
	// FreshGoroutines runs every task on a goroutine of its own, where a group
	// with a limit otherwise reuses its workers: for tasks that lock their
	// thread, set profiler labels, or are told apart by their goroutine.
	FreshGoroutines bool

	// Unordered makes [Stream] hand out results as they come, and not in the
	// order of the sequence. Only Stream reads it.
	Unordered bool

	// SkipDone doesn't start tasks any more once the group's context is done,
	// and counts them instead. If any was skipped and none failed, Wait returns
	// an error that says how many, and that wraps both the Err and the cause of
	// the context.
	SkipDone bool
	// Errors is how many errors of tasks Wait returns: zero for the first one
	// alone, negative for all, however many. If more than one task failed Wait
	// returns one error as [errors.Join] makes it, with the errors kept in the
	// order in which they came, and the number of those beyond in its text.
	// Each kept error costs memory until the group is gone. The first one
	// cancels the context in any case.
	Errors int

	// PanicsAsErrors makes the panic of a task its error, a *[belay.PanicError]
	// with the stack: it cancels the context at once with itself as the cause,
	// is given to OnPanic at once, and comes back from Wait. Without, a panic
	// crashes the process.
	PanicsAsErrors bool
	// OnPanic is called with each panic that PanicsAsErrors catches, on the
	// goroutine of the task and before the task counts as ended. The default
	// prints the panic and its stack on stderr, as a crash would.
	OnPanic func(*belay.PanicError)

	// Track keeps the names and the times of the tasks that run, for
	// [Group.Running], for errors of [Group.WaitContext] and for the wait times
	// in [Group.Stats]. Each task then costs allocations and readings of the
	// clock, more than a short task takes.
	Track bool
	// Worker is called with the group's context by each goroutine that the
	// group starts, before its first task: the place for profiler labels,
	// pprof.SetGoroutineLabels(pprof.WithLabels(ctx, labels)). It must return.
	Worker func(context.Context)
}

// sharedLimit is the type of Options.Shared.
type sharedLimit interface {
	// Acquire blocks until n units are free, and takes them, or fails and takes
	// nothing, at the latest when ctx is done.
	Acquire(ctx context.Context, n int64) error
	// TryAcquire takes n units if they are free at once.
	TryAcquire(n int64) bool
	// Release gives n units back.
	Release(n int64)
}

// New returns a Group with the given options and a context derived from ctx,
// as [WithContext] does. Other than there, a task that calls [runtime.Goexit]
// fails with [belay.ErrGoexit].
func New(ctx context.Context, o Options) (*Group, context.Context) {
	g, ctx := WithContext(ctx)
	x := &options{Options: o, g: g}
	if o.Track {
		x.track = newTracker()
	}
	g.opts = x
	g.fresh = o.FreshGoroutines || o.Shared != nil
	if o.Limit > 0 {
		g.SetLimit(o.Limit)
	}
	return g, ctx
}

// extras is what a group asks its options, if New has made it. An interface, so
// that a program which never calls New links nothing of what is behind it.
type extras interface {
	// dress returns f as the options want it run. named is the user's func.
	dress(f func() error, named any) func() error
	// begin is called by each goroutine before its first task.
	begin()
	// tooLate reports whether a task must not be started any more, and counts it.
	tooLate() bool
	// caught makes a panic the task's error, or reports that it is to crash.
	caught(value any) bool
	// failedLocked sees each error.
	failedLocked(err error)
	// resultLocked is what Wait returns, if the first error is not all of it.
	resultLocked() error
	// waitBegins and waitEnds enclose each wait for a slot.
	waitBegins() time.Duration
	waitEnds(began time.Duration)
	// shared is the limit that the group shares, or nil; startShared starts a
	// task that has a slot with a unit of it.
	shared() sharedLimit
	startShared(ctx context.Context, f func() error) error
}

// options are the extras of one group.
type options struct {
	Options
	g     *Group
	track *tracker // nil unless asked for

	// Guarded by the group's lock.
	kept    []error // errors of tasks, as many as were asked for
	skipped error   // the end of the context that made the first task be skipped
}

func (x *options) begin() {
	if x.Worker != nil {
		x.Worker(x.g.ctx)
	}
}

func (x *options) tooLate() bool {
	if !x.SkipDone || x.g.ctx.Err() == nil {
		return false
	}
	x.skip()
	return true
}

// skip records a task that was not started because the context is done.
func (x *options) skip() {
	x.g.lock()
	x.g.mu.stats.Skipped++
	if x.skipped == nil {
		x.skipped = ctxerr.Of(x.g.ctx)
	}
	x.g.mu.Unlock()
}
