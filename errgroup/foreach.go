package errgroup

// This file is ForEach: a group over a sequence, for the loop that everybody
// writes around Go.

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/belay-go/belay/internal/ctxerr"
)

// ForEach calls f for every item of seq, at most o.Limit at once, and returns
// when all calls have returned, with the first error. The group is made by
// [New] with o; f gets its context.
//
// Items start in the order of seq, and may wait for each other, up to the
// limit. With o.Limit zero or negative, with o.FreshGoroutines or with o.Shared, every item
// is a task with a goroutine of its own. Otherwise a task of the group runs one
// item after the other, there are as many tasks as items that could run at once,
// and nothing is allocated for an item.
//
// seq runs on the caller's goroutine and is held back at the limit: it is asked
// for at most seventeen items that have not started, and with
// o.FreshGoroutines for one. Items that were taken from it and have not started
// when the context ends are dropped; if each of them has to be closed or
// acknowledged, write the loop around [Group.Go] instead.
//
// Once the context of the group is done, because a task failed or because ctx
// ended, no item is taken from seq any more and none is started; those that
// run are waited for, and should end because of the context. If no task failed,
// but ctx ended before seq was exhausted and every item started, the error says
// how and why ctx ended: Is of both ctx.Err() and context.Cause(ctx). If every
// item was started and succeeded, ForEach returns nil even if ctx is done by
// then. With a ctx that is done already it returns that error at once and
// does not start seq.
//
// A panic or a [runtime.Goexit] in seq cancels the group's context, waits for
// the tasks, and goes on. In f, a panic crashes the process and a Goexit is
// [belay.ErrGoexit], as in every group that New makes. ForEach itself panics if
// f or seq is nil.
//
// What happens before seq yields an item is visible to its f, and what every f
// does is visible when ForEach returns. ForEach may be called concurrently, with
// the same seq if that can be ranged over concurrently.
func ForEach[T any](ctx context.Context, o Options, seq iter.Seq[T], f func(ctx context.Context, item T) error) error {
	if f == nil {
		panic("errgroup: ForEach with a nil func")
	}
	if seq == nil {
		panic("errgroup: ForEach with a nil sequence")
	}
	if err := ctxerr.Of(ctx); err != nil {
		return err
	}
	run, stop := context.WithCancel(ctx)
	defer stop()
	g, inner := New(run, o)
	var whole bool
	var err error
	if taskEach(o) {
		whole, err = eachAlone(g, inner, stop, seq, f)
	} else {
		whole, err = eachFed(g, inner, stop, o.Limit, seq, f)
	}
	if err == nil && !whole {
		err = ctxerr.Of(ctx)
	}
	return err
}

// taskEach reports whether every item has to be a task of its own: the options
// say something of tasks that would not hold for one that runs many items.
func taskEach(o Options) bool {
	return o.Limit <= 0 || o.FreshGoroutines || freshGoroutines || o.Shared != nil
}

// eachFed runs the items in tasks that take them from a feed, and reports
// whether every item of seq was started.
func eachFed[T any](g *Group, ctx context.Context, stop func(), limit int, seq iter.Seq[T], f func(context.Context, T) error) (whole bool, err error) {
	q := newFeed(ctx, g, limit, f)
	// Whatever ends the context, a producer that waits for room then stops.
	unwatch := context.AfterFunc(ctx, q.close)
	returned := false
	defer func() {
		if !returned { // seq did not
			unwatch()
			stop()
			q.close()
			_ = g.Wait()
		}
	}()
	whole = true
	for item := range seq {
		if !q.put(item) {
			whole = false
			break
		}
	}
	returned = true
	unwatch() // Wait cancels too
	q.close()
	err = g.Wait()
	return whole && q.mu.n == 0, err
}

// eachAlone runs every item as a task of its own, and reports whether every
// item of seq was started.
func eachAlone[T any](g *Group, ctx context.Context, stop func(), seq iter.Seq[T], f func(context.Context, T) error) (whole bool, err error) {
	returned := false
	defer func() {
		if !returned { // seq did not
			stop()
			_ = g.Wait()
		}
	}()
	var taken int64
	var started atomic.Int64
	whole = true
	for item := range seq {
		taken++
		if ctx.Err() == nil {
			g.Go(func() error {
				if ctx.Err() != nil {
					return nil
				}
				started.Add(1)
				return f(ctx, item)
			})
		}
		if ctx.Err() != nil {
			whole = false
			break
		}
	}
	returned = true
	err = g.Wait()
	return whole && started.Load() == taken, err
}
