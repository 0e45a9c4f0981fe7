// Package misses has tasks that start others without holding a slot that these
// need.
package misses

import (
	"context"

	belay "github.com/belay-go/belay/errgroup"
	"golang.org/x/sync/errgroup"
)

func work() error { return nil }

func noLimit(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error {
		g.Go(work)
		return nil
	})
	h, _ := belay.New(ctx, belay.Options{Name: "h"})
	h.Go(func() error {
		h.Go(work)
		return nil
	})
	k, _ := belay.New(ctx, belay.Options{Limit: 0})
	k.Go(func() error {
		k.Go(work)
		return nil
	})
	return g.Wait()
}

func takenBack() error {
	var g errgroup.Group
	g.SetLimit(1)
	g.SetLimit(-1)
	g.Go(func() error {
		g.Go(work)
		return nil
	})
	return g.Wait()
}

func try() error {
	var g errgroup.Group
	g.SetLimit(1)
	g.Go(func() error {
		if !g.TryGo(work) {
			return work()
		}
		return nil
	})
	return g.Wait()
}

func givesUp(ctx context.Context) error {
	g, _ := belay.New(ctx, belay.Options{Limit: 1})
	g.Go(func() error {
		return g.GoContext(ctx, func(context.Context) error { return nil })
	})
	return g.Wait()
}

func levels() error {
	var outer, inner errgroup.Group
	outer.SetLimit(1)
	inner.SetLimit(1)
	outer.Go(func() error {
		inner.Go(work)
		return nil
	})
	outer.Wait()
	return inner.Wait()
}

func beside() error {
	var g errgroup.Group
	g.SetLimit(1)
	ended := make(chan bool)
	g.Go(func() error {
		go func() {
			defer close(ended)
			g.Go(work)
		}()
		return nil
	})
	<-ended
	return g.Wait()
}

// The local function starts tasks, and no task calls it.
func helper() error {
	var g errgroup.Group
	g.SetLimit(1)
	start := func() { g.Go(work) }
	start()
	g.Go(func() error {
		go start()
		return nil
	})
	return g.Wait()
}

// The variable may hold another function by then.
func exchanged() error {
	var g errgroup.Group
	g.SetLimit(1)
	start := func() { g.Go(work) }
	start()
	start = func() {}
	g.Go(func() error {
		start()
		return nil
	})
	return g.Wait()
}
