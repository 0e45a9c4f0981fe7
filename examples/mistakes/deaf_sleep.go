package mistakes

// A sleep that ignores its context.

import (
	"context"
	"time"

	"github.com/belay-go/belay/ctxutil"
)

// RetryWrong sleeps on when nobody waits for it any more.
func RetryWrong(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(5 * time.Second)
	}
}

// RetryRight wakes up when ctx ends, and doesn't lie down if it ends too soon.
func RetryRight(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil || ctxutil.Sleep(ctx, 5*time.Second) != nil {
			return err
		}
	}
}
