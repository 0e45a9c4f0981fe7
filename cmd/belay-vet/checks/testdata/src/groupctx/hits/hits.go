// Package hits has derived contexts that are used too late.
package hits

import (
	"context"
	"os/exec"
	"time"

	belay "github.com/belay-go/belay/errgroup"
	"golang.org/x/sync/errgroup"
)

type store interface {
	Get(ctx context.Context, key string) (string, error)
	Flush(ctx context.Context) error
}

// The name of the parent is taken in the function's own scope, so that it is
// the very same variable.
func shadowed(ctx context.Context, s store) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Flush(ctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	_, err := s.Get(ctx, "a") // want `ctx is the group's context, and cancelled since g.Wait returned`
	return err
}

func method(ctx context.Context, s store) error {
	eg, egCtx := errgroup.WithContext(ctx)
	eg.Go(func() error { return s.Flush(egCtx) })
	_ = eg.Wait()
	return s.Flush(egCtx) // want `egCtx is the group's context, and cancelled since eg.Wait returned`
}

// The first Wait leads nowhere, the second one does.
func second(ctx context.Context, s store) error {
	g, ctx := errgroup.WithContext(ctx)
	if err := s.Flush(ctx); err != nil {
		return g.Wait()
	}
	g.Wait()
	return s.Flush(ctx) // want "ctx is the group's context"
}

func declared(ctx context.Context, s store) error {
	var g, gctx = errgroup.WithContext(ctx)
	g.Go(func() error { return s.Flush(gctx) })
	g.Wait()
	return s.Flush(gctx) // want "gctx is the group's context"
}

func ours(ctx context.Context, s store) error {
	g, ctx := belay.New(ctx, belay.Options{Limit: 3})
	g.Go(func() error { return s.Flush(ctx) })
	err := g.Wait()
	s.Flush(ctx) // want "ctx is the group's context"
	return err
}

// A second group below the first one is cancelled from its start.
func twice(ctx context.Context, s store) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Flush(ctx) })
	if err := g.Wait(); err != nil {
		return err
	}
	g, ctx = errgroup.WithContext(ctx) // want "ctx is the group's context"
	g.Go(func() error { return s.Flush(ctx) })
	return g.Wait()
}

func rounds(ctx context.Context, s store) (err error) {
	var g *errgroup.Group
	for range 2 {
		g, ctx = errgroup.WithContext(ctx) // want "ctx is the group's context"
		g.Go(func() error { return s.Flush(ctx) })
		err = g.Wait()
	}
	return err
}

func limited(ctx context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.Wait()
	ctx, cancel := context.WithTimeout(ctx, time.Second) // want "ctx is the group's context"
	defer cancel()
	<-ctx.Done()
}

func command(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Wait()
	return exec.CommandContext(ctx, "true").Run() // want "ctx is the group's context"
}

// flush has no result, and its context matters all the same.
func flush(ctx context.Context, s store) {
	if err := s.Flush(ctx); err != nil {
		panic(err)
	}
}

func patient(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

func inside(ctx context.Context, s store) {
	g, ctx := errgroup.WithContext(ctx)
	g.Wait()
	flush(ctx, s) // want "ctx is the group's context"
}

func looking(ctx context.Context, s store) {
	g, ctx := errgroup.WithContext(ctx)
	g.Wait()
	patient(ctx) // want "ctx is the group's context"
}

func literal(ctx context.Context, s store) {
	g, ctx := errgroup.WithContext(ctx)
	if g.Wait() == nil {
		go func() {
			s.Flush(ctx) // want "ctx is the group's context"
		}()
	}
}

func value(ctx context.Context, load func(context.Context) error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Wait()
	load(ctx) // want "ctx is the group's context"
}
