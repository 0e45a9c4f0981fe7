package errgroup

// This file is Map: a group over a slice whose results come back in its order.

import (
	"context"
	"sync/atomic"

	"github.com/belay-go/belay/internal/ctxerr"
)

// Map calls f for every item, at most o.Limit at once, and returns when all
// calls have returned: the results in the order of items, and the first error.
// The group is made by [New] with o; f gets its context.
//
// The slice is always as long as items. An item whose f failed, or was not
// called, has the zero R there. After Map has returned nothing writes to it.
//
// Items start in order and may wait for each other, up to the limit. With
// o.Limit zero or negative, with o.FreshGoroutines or with o.Shared, every item is a task
// with a goroutine of its own; otherwise at most o.Limit tasks of the group run
// one item after the other.
//
// Once the context of the group is done, because a task failed or because ctx
// ended, no item is started any more; those that run are waited for, and should
// end because of the context. If no task failed, but ctx ended before every
// item was started, the error says how and why ctx ended: Is of both ctx.Err()
// and context.Cause(ctx). If every item succeeded the error is nil even if ctx
// is done by then. With a ctx that is done already Map returns that error at
// once and never calls f.
//
// A panic in f crashes the process and a [runtime.Goexit] is
// [belay.ErrGoexit], as in every group that New makes. Map itself panics if f
// is nil.
//
// What happens before the call of Map is visible to every f, and what they do
// is visible when it returns. Map may be called concurrently, on the same items
// too: it only reads them.
func Map[T, R any](ctx context.Context, o Options, items []T, f func(ctx context.Context, item T) (R, error)) ([]R, error) {
	if f == nil {
		panic("errgroup: Map with a nil func")
	}
	results := make([]R, len(items))
	if err := ctxerr.Of(ctx); err != nil {
		return results, err
	}
	g, inner := New(ctx, o)
	each := taskEach(o)
	// The tasks share nothing that changes but the index, which has a cache line
	// of its own, and the lines of results where their items meet.
	var claims struct {
		_    [64]byte
		next atomic.Int64
		_    [64]byte
	}
	work := func() error {
		for {
			if inner.Err() != nil {
				return nil // before the claim: what is claimed is started
			}
			i := claims.next.Add(1) - 1
			if i >= int64(len(items)) {
				return nil
			}
			r, err := f(inner, items[i])
			if err != nil {
				return err
			}
			results[i] = r
			if each {
				return nil
			}
		}
	}
	tasks := len(items)
	if !each {
		tasks = min(tasks, o.Limit)
	}
	for range tasks {
		if inner.Err() != nil {
			break
		}
		g.Go(work)
	}
	err := g.Wait()
	if err == nil && claims.next.Load() < int64(len(items)) {
		err = ctxerr.Of(ctx)
	}
	return results, err
}
