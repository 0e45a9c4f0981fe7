package errgroup

// This file is the waiting for a group, with and without a context.

import (
	"context"
	"slices"

	"github.com/belay-go/belay/internal/ctxerr"
)

// Wait blocks until every task of the group has returned, those of Gos blocked
// at the limit included, then cancels the group's context and returns the
// first error of a task, if there was one. [Options].Errors makes it return
// more of them, [Options].SkipDone an error for tasks that were skipped.
//
// Any number of goroutines may Wait, any number of times; a Group may be used
// on after Wait, where it keeps its first error and its cancelled context.
// Nothing ends a Wait early: see [Group.WaitContext].
func (g *Group) Wait() error {
	g.mu.Lock()
	if g.mu.rest.L == nil {
		g.mu.rest.L = &g.mu.Mutex
	}
	for round := g.mu.rounds; g.mu.active > 0 && g.mu.rounds == round; {
		g.mu.rest.Wait()
	}
	return g.collect()
}

// WaitContext waits as [Group.Wait] does, and returns what it returns, but
// waits no longer than until ctx is done. If no task runs it returns the
// group's result, even if ctx is done already.
//
// Otherwise the error says how many tasks still run, and with [Options].Track
// which, and it wraps both ctx.Err() and the cause of ctx: compare with
// errors.Is, for it is never ctx.Err() itself. Its Timeout method is true if
// ctx ended by a deadline. The group goes on as before: its context is not
// cancelled, and nothing of the wait is left. WaitContext may be called
// concurrently.
func (g *Group) WaitContext(ctx context.Context) error {
	g.lock()
	if g.mu.active == 0 {
		return g.collect()
	}
	rest := make(chan struct{}) // for this wait alone, so that it never gets into another bubble
	g.mu.resting = append(g.mu.resting, rest)
	g.mu.Unlock()
	select {
	case <-rest:
		g.lock()
		return g.collect()
	case <-ctx.Done():
	}
	g.lock()
	i := slices.Index(g.mu.resting, rest)
	if i < 0 { // it came to rest at the same time
		return g.collect()
	}
	g.mu.resting = slices.Delete(g.mu.resting, i, i+1)
	n := uint64(g.mu.active)
	g.mu.Unlock()
	called := "errgroup: "
	if x, _ := g.opts.(*options); x != nil {
		called = x.called()
	}
	return &endedEarly{text: called + counted(n, " task still runs", " tasks still run") + g.whatRuns(), err: ctxerr.Of(ctx)}
}

// collect returns the group's result, cancels its context and unlocks.
func (g *Group) collect() error {
	first := g.mu.err
	result := first
	if g.opts != nil {
		result = g.opts.resultLocked()
	}
	g.mu.Unlock()
	if g.cancel != nil {
		g.cancel(first)
	}
	return result
}

// whatRuns names the oldest tasks for an error, if the group knows them.
func (g *Group) whatRuns() string {
	var names []string
	for _, task := range g.Running() {
		names = append(names, task.Name+" for "+task.Age.String())
	}
	if names == nil {
		return ""
	}
	return " (" + listed(names) + ")"
}
