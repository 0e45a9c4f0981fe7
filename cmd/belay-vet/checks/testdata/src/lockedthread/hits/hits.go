// Package hits has tasks that keep their thread locked.
package hits

import (
	"context"
	"runtime"

	belay "github.com/belay-go/belay/errgroup"
	"golang.org/x/sync/errgroup"
)

func enter() error { return nil }

func literal(g *errgroup.Group) {
	g.Go(func() error {
		runtime.LockOSThread() // want "the task never unlocks its thread"
		return enter()
	})
}

func variable(g *errgroup.Group) {
	task := func() error {
		runtime.LockOSThread() // want "the task never unlocks its thread"
		return enter()
	}
	g.Go(task)
	g.TryGo(task)
}

func task() error {
	runtime.LockOSThread() // want "the task never unlocks its thread"
	return enter()
}

func function(g *errgroup.Group) { g.Go(task) }

type prober struct{}

func (prober) probe() error {
	runtime.LockOSThread() // want "the task never unlocks its thread"
	return enter()
}

func method(g *errgroup.Group, p prober) { g.Go(p.probe) }

func ours(ctx context.Context) {
	g, ctx := belay.New(ctx, belay.Options{Limit: 1, FreshGoroutines: false})
	g.GoContext(ctx, func(context.Context) error {
		runtime.LockOSThread() // want "the task never unlocks its thread"
		return enter()
	})
}

func derived(ctx context.Context) {
	g, _ := errgroup.WithContext(ctx)
	g.Go(func() error {
		runtime.LockOSThread() // want "the task never unlocks its thread"
		return enter()
	})
}
