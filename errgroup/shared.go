package errgroup

// This file is the limit that a group shares with others. A task holds a slot
// of its group first and then a unit of that limit, so that no unit lies idle
// with a Go that waits for its own group.

import (
	"context"

	"github.com/belay-go/belay/internal/ctxerr"
)

func (x *options) shared() sharedLimit { return x.Shared }

// shared is the limit that the group shares, or nil.
func (g *Group) shared() sharedLimit {
	if g.opts == nil {
		return nil
	}
	return g.opts.shared()
}

// startShared waits for a unit no longer than until ctx is done. If f gets none
// its slot goes to the next one, and the error says why; a Go, which waits with
// the group's own context and returns no error, leaves it to Wait.
func (x *options) startShared(ctx context.Context, f func() error) error {
	err := x.Shared.Acquire(ctx, 1)
	if err == nil {
		x.g.start(f)
		return nil
	}
	done := ctxerr.Of(ctx)
	switch {
	case done != nil && ctx == x.g.ctx:
		x.skip()
	case done == nil && ctx == x.g.ctx:
		x.g.fail(err)
	}
	x.g.settle(nil)
	if done != nil {
		return done
	}
	return err
}

// tryAccept is accept for a task that must not wait for the shared limit
// either. It reports whether f was accepted.
func (g *Group) tryAccept(f func() error) bool {
	shared := g.shared()
	if shared == nil {
		return g.accept(g.ctx, f) == nil
	}
	g.mu.active++
	g.mu.Unlock()
	if shared.TryAcquire(1) {
		g.start(f)
		return true
	}
	g.lock()
	g.mu.stats.Refused++
	g.mu.Unlock()
	g.settle(nil)
	return false
}
