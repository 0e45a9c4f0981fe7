// Package misses has tasks that give their thread back, or have it from
// elsewhere.
package misses

import (
	"context"
	"runtime"

	belay "github.com/belay-go/belay/errgroup"
	"golang.org/x/sync/errgroup"
)

func enter() error { return nil }

func unlocks(g *errgroup.Group) {
	g.Go(func() error {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		return enter()
	})
}

// On failure the thread is thrown away, which says that somebody has thought.
func onePath(g *errgroup.Group) {
	g.Go(func() error {
		runtime.LockOSThread()
		if err := enter(); err != nil {
			return err
		}
		runtime.UnlockOSThread()
		return nil
	})
}

func inLiteral(g *errgroup.Group) {
	g.Go(func() error {
		runtime.LockOSThread()
		defer func() { runtime.UnlockOSThread() }()
		return enter()
	})
}

func asValue(g *errgroup.Group, later func(func())) {
	g.Go(func() error {
		runtime.LockOSThread()
		later(runtime.UnlockOSThread)
		return nil
	})
}

// Another goroutine is locked.
func goroutine(g *errgroup.Group) {
	g.Go(func() error {
		failed := make(chan error, 1)
		go func() {
			runtime.LockOSThread()
			failed <- enter()
		}()
		return <-failed
	})
}

func plain() {
	go func() {
		runtime.LockOSThread()
		enter()
	}()
}

func fresh(ctx context.Context) {
	g, _ := belay.New(ctx, belay.Options{Limit: 1, FreshGoroutines: true})
	g.Go(func() error {
		runtime.LockOSThread()
		return enter()
	})
}

func exchanged(g *errgroup.Group) {
	task := func() error {
		runtime.LockOSThread()
		return nil
	}
	task = enter
	g.Go(task)
}

func perhapsFresh(ctx context.Context, fresh bool) {
	g, _ := belay.New(ctx, belay.Options{Limit: 1, FreshGoroutines: fresh})
	g.Go(func() error {
		runtime.LockOSThread()
		return enter()
	})
}
