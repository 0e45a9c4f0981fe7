// Package misses has returns that leave nothing behind.
package misses

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

func open(name string) (int, error)                  { return 0, nil }
func store(fd int) error                             { return nil }
func storeContext(ctx context.Context, fd int) error { return nil }
func join(g *errgroup.Group) error                   { return g.Wait() }

func before(name string) error {
	var g errgroup.Group
	fd, err := open(name)
	if err != nil {
		return err
	}
	g.Go(func() error { return store(fd) })
	return g.Wait()
}

func waits(name string) error {
	var g errgroup.Group
	g.Go(func() error { return store(1) })
	if _, err := open(name); err != nil {
		return errors.Join(err, g.Wait())
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return nil
}

// A return of the task is none of the function.
func inTask() error {
	var g errgroup.Group
	g.Go(func() error {
		if _, err := open("a"); err != nil {
			return err
		}
		return nil
	})
	return g.Wait()
}

func deferred(name string) error {
	var g errgroup.Group
	defer g.Wait()
	g.Go(func() error { return store(1) })
	if _, err := open(name); err != nil {
		return err
	}
	return g.Wait()
}

func deferredLiteral(name string) (err error) {
	var g errgroup.Group
	defer func() { err = errors.Join(err, g.Wait()) }()
	g.Go(func() error { return store(1) })
	if _, err := open(name); err != nil {
		return err
	}
	return nil
}

func cancelled(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return storeContext(ctx, 1) })
	if _, err := open(name); err != nil {
		return err
	}
	return g.Wait()
}

func cancelledHere(ctx context.Context, name string) error {
	ctx, end := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return storeContext(ctx, 1) })
	if _, err := open(name); err != nil {
		end()
		return err
	}
	err := g.Wait()
	end()
	return err
}

// The tasks are told by the same context.
func told(ctx context.Context, names []string, ready chan bool) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.Go(func() error { return storeContext(ctx, len(name)) })
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ready:
	}
	return g.Wait()
}

func passed(name string) error {
	var g errgroup.Group
	g.Go(func() error { return store(1) })
	if _, err := open(name); err != nil {
		return join(&g)
	}
	return g.Wait()
}

func inLiteral(name string) error {
	var g errgroup.Group
	g.Go(func() error { return store(1) })
	done := make(chan error, 1)
	go func() { done <- g.Wait() }()
	if _, err := open(name); err != nil {
		return err
	}
	return <-done
}

func exits(name string) error {
	var g errgroup.Group
	g.Go(func() error { return store(1) })
	if _, err := open(name); err != nil {
		os.Exit(1)
	}
	return g.Wait()
}

// A loop that has ended its rounds, and a new group in each.
func rounds(names []string) error {
	for _, name := range names {
		var g errgroup.Group
		if name == "" {
			return nil
		}
		g.Go(func() error { return store(1) })
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// The wait fails when the context ends, and the tasks end with it.
func paced(ctx context.Context, names []string, l *rate.Limiter, s *semaphore.Weighted) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, name := range names {
		if err := l.Wait(ctx); err != nil {
			return err
		}
		err := s.Acquire(ctx, 1)
		if err != nil {
			return err
		}
		g.Go(func() error {
			defer s.Release(1)
			return storeContext(gctx, len(name))
		})
	}
	return g.Wait()
}
