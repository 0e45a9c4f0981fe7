package mistakes

// A channel as a semaphore that doesn't heed its context.

import (
	"context"

	"github.com/belay-go/belay/limiter/semaphore"
)

// RenderWrong waits for a slot after its client has gone.
func RenderWrong(ctx context.Context, slots chan struct{}, draw func(context.Context) error) error {
	slots <- struct{}{}
	defer func() { <-slots }()
	return draw(ctx)
}

// RenderRight leaves the line when ctx ends.
func RenderRight(ctx context.Context, slots *semaphore.Weighted, draw func(context.Context) error) error {
	if err := slots.Acquire(ctx, 1); err != nil {
		return err
	}
	defer slots.Release(1)
	return draw(ctx)
}
