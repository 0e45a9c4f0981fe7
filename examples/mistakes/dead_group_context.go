package mistakes

// The context of a group, used after its Wait.

import (
	"context"

	"github.com/belay-go/belay/errgroup"
)

// RebuildWrong publishes with a context that Wait has cancelled.
func RebuildWrong(ctx context.Context, parts []string, load, publish func(context.Context, string) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		g.Go(func() error { return load(ctx, part) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return publish(ctx, "done")
}

// RebuildRight gives the group's context a name of its own, for the tasks alone.
func RebuildRight(ctx context.Context, parts []string, load, publish func(context.Context, string) error) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		g.Go(func() error { return load(gctx, part) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return publish(ctx, "done")
}
