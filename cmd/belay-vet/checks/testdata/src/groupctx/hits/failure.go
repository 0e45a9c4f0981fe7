package hits

// Groups of which one task can fail.

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// One of two never fails, the other may.
func oneOfTwo(ctx context.Context, s store) error {
	g, _ := errgroup.WithContext(ctx) // want "the group's context is discarded"
	g.Go(func() error {
		_ = s.Flush(ctx)
		return nil
	})
	g.Go(func() error { return s.Flush(ctx) })
	return g.Wait()
}

// A deferred function sets what it returns.
func byName(ctx context.Context, s store) error {
	g, _ := errgroup.WithContext(ctx) // want "the group's context is discarded"
	g.Go(func() (err error) {
		defer func() { err = s.Flush(ctx) }()
		return nil
	})
	return g.Wait()
}

// What others start on it, nobody knows here.
func handed(ctx context.Context, s store, start func(*errgroup.Group)) error {
	g, _ := errgroup.WithContext(ctx) // want "the group's context is discarded"
	g.Go(func() error {
		_ = s.Flush(ctx)
		return nil
	})
	start(g)
	return g.Wait()
}

func elsewhere(ctx context.Context, tasks []func() error) error {
	g, _ := errgroup.WithContext(ctx) // want "the group's context is discarded"
	for _, task := range tasks {
		g.Go(task)
	}
	return g.Wait()
}

// The outer function declares the group.
func outer(ctx context.Context, s store) error {
	var g *errgroup.Group
	func() {
		g, _ = errgroup.WithContext(ctx) // want "the group's context is discarded"
		g.Go(func() error { return nil })
	}()
	return g.Wait()
}
