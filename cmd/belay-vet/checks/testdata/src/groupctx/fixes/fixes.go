// Package fixes has derived contexts that no task uses.
package fixes

import (
	"context"

	belay "github.com/belay-go/belay/errgroup"
	"golang.org/x/sync/errgroup"
)

func work(ctx context.Context) error { return nil }
func make1() context.Context         { return context.Background() }
func fail() error                    { return context.Canceled }

type server struct{ ctx context.Context }

func parameter(ctx context.Context) error {
	g, _ := errgroup.WithContext(ctx) // want `the group's context is discarded: a task that fails cancels nothing`
	g.Go(func() error { return work(ctx) })
	return g.Wait()
}

func background() error {
	g, _ := belay.WithContext(context.Background()) // want "the group's context is discarded"
	g.Go(fail)
	return g.Wait()
}

func again(s *server) error {
	g := new(errgroup.Group)
	if s != nil {
		g, _ = errgroup.WithContext(s.ctx) // want "the group's context is discarded"
	}
	g.Go(fail)
	return g.Wait()
}

// Without the call the variable would be unused, and that doesn't compile.
func only() error {
	ctx := context.Background()
	ctx = context.TODO()
	g, _ := errgroup.WithContext(ctx) // want "the group's context is discarded"
	g.Go(fail)
	return g.Wait()
}

// The call may do something.
func calls() error {
	g, _ := errgroup.WithContext(make1()) // want "the group's context is discarded"
	g.Go(fail)
	return g.Wait()
}

// The derived context has a name only.
func named(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx) // want `the tasks use ctx and not gctx, the context of their group`
	_ = gctx
	g.Go(func() error { return work(ctx) })
	return g.Wait()
}
