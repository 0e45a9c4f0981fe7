package mistakes

// A bounded group for which nobody waits.

import (
	"context"

	"github.com/belay-go/belay/errgroup"
)

// WarmWrong returns before its tasks have ended, and never hears how.
func WarmWrong(ctx context.Context, keys []string, load func(context.Context, string) error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, key := range keys {
		g.Go(func() error { return load(ctx, key) })
	}
}

// WarmRight waits, and so ends the group's context as well.
func WarmRight(ctx context.Context, keys []string, load func(context.Context, string) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, key := range keys {
		g.Go(func() error { return load(ctx, key) })
	}
	return g.Wait()
}
