// Package misses has derived contexts that are used as they should, or in ways
// that do no harm.
package misses

import (
	"context"
	"errors"
	"log/slog"

	belay "github.com/belay-go/belay/errgroup"
	"golang.org/x/sync/errgroup"
)

type store interface {
	Get(ctx context.Context, key string) (string, error)
	Flush(ctx context.Context) error
	Warn(ctx context.Context, text string) error
	Failed(ctx context.Context, err error) error
}

func named(ctx context.Context, s store) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Flush(gctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	return s.Flush(ctx)
}

// The derived context ends with its block.
func scoped(ctx context.Context, s store) error {
	for range 3 {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return s.Flush(ctx) })
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return s.Flush(ctx)
}

func harmless(ctx context.Context, s store) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Flush(ctx) })
	err := g.Wait()
	slog.InfoContext(ctx, "done", "id", ctx.Value("id"))
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		err = s.Flush(context.WithoutCancel(ctx))
	}
	s.Warn(ctx, "done")
	return s.Failed(ctx, err)
}

var count = func(ctx context.Context, err error) error { return err }

func counted(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	err := g.Wait()
	return count(ctx, err)
}

func id(ctx context.Context) (string, error) {
	name, ok := ctx.Value("id").(string)
	if !ok {
		return "", errors.New("no id")
	}
	return name, nil
}

func read(ctx context.Context) (string, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Wait()
	return id(ctx)
}

// remember and again don't look at the end of the context.
func remember(ctx context.Context, depth int) error {
	if depth > 0 {
		return again(ctx, depth-1)
	}
	_, err := id(ctx)
	return err
}

func again(ctx context.Context, depth int) error { return remember(ctx, depth) }

func recursive(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Wait()
	return remember(ctx, 2)
}

// Between Go and Wait the context lives.
func before(ctx context.Context, s store) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Flush(ctx) })
	if err := s.Flush(ctx); err != nil {
		g.Wait()
		return err
	}
	return g.Wait()
}

// The variable gets the parent back.
func restored(parent context.Context, s store) error {
	g, ctx := errgroup.WithContext(parent)
	g.Wait()
	ctx = parent
	return s.Flush(ctx)
}

// The variables hold something else by the time of Wait.
func exchanged(ctx context.Context, s store) error {
	g, gctx := errgroup.WithContext(ctx)
	g, hctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Flush(hctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	return s.Flush(gctx)
}

func givenBack(ctx context.Context, s store) error {
	g, gctx := errgroup.WithContext(ctx)
	if err := s.Flush(gctx); err != nil {
		return err
	}
	gctx = ctx
	g.Wait()
	return s.Flush(gctx)
}

// The way past Wait doesn't come to the use.
func branches(ctx context.Context, s store, many bool) error {
	g, ctx := errgroup.WithContext(ctx)
	if many {
		g.Go(func() error { return s.Flush(ctx) })
		return g.Wait()
	}
	return s.Flush(ctx)
}

// Each round derives its context from one that lives.
func rounds(parent context.Context, s store) (err error) {
	var g *errgroup.Group
	var ctx context.Context
	for range 2 {
		g, ctx = errgroup.WithContext(parent)
		g.Go(func() error { return s.Flush(ctx) })
		err = g.Wait()
	}
	return err
}

// Another group waits.
func others(ctx context.Context, s store) error {
	g, gctx := errgroup.WithContext(ctx)
	h, hctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Flush(gctx) })
	h.Go(func() error { return s.Flush(hctx) })
	if err := h.Wait(); err != nil {
		return err
	}
	if err := s.Flush(gctx); err != nil {
		return err
	}
	return g.Wait()
}

func deferred(ctx context.Context, s store) error {
	g, ctx := errgroup.WithContext(ctx)
	defer g.Wait()
	go g.Wait()
	return s.Flush(ctx)
}

// A wait that is given up has cancelled nothing.
func givenUp(ctx context.Context, s store) error {
	g, gctx := belay.WithContext(ctx)
	g.Go(func() error { return s.Flush(gctx) })
	if err := g.WaitContext(ctx); err != nil {
		return s.Flush(gctx)
	}
	return nil
}

// GoContext hands the context to its task.
func handed(ctx context.Context, s store) error {
	g, _ := belay.WithContext(ctx)
	if err := g.GoContext(ctx, s.Flush); err != nil {
		return err
	}
	return g.Wait()
}

// What New derives may be wanted for what its options make of it.
func skipping(ctx context.Context, s store) error {
	g, _ := belay.New(ctx, belay.Options{Limit: 2})
	g.Go(func() error { return s.Flush(ctx) })
	return g.Wait()
}

// The derived context says when to stop starting, and no more.
func starter(ctx context.Context, s store) error {
	g, gctx := errgroup.WithContext(ctx)
	for range 10 {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error { return s.Flush(ctx) })
	}
	return g.Wait()
}

// One of the tasks ends the others by other means.
func stopper(ctx context.Context, s store, stop func()) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Flush(ctx) })
	g.Go(func() error {
		<-gctx.Done()
		stop()
		return nil
	})
	return g.Wait()
}
