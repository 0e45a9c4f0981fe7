package mistakes

// An acquisition that failed, and a release all the same.

import (
	"context"

	"github.com/belay-go/belay/limiter/semaphore"
)

// UseWrong gives back what it never got when ctx ends first.
func UseWrong(ctx context.Context, sem *semaphore.Weighted, use func()) error {
	defer sem.Release(1)
	if err := sem.Acquire(ctx, 1); err != nil {
		return err
	}
	use()
	return nil
}

// UseRight defers the release where there is something to release.
func UseRight(ctx context.Context, sem *semaphore.Weighted, use func()) error {
	if err := sem.Acquire(ctx, 1); err != nil {
		return err
	}
	defer sem.Release(1)
	use()
	return nil
}

// UsePermit can't be got wrong: the permit that comes with an error is nothing.
func UsePermit(ctx context.Context, sem *semaphore.Weighted, use func()) error {
	permit, err := sem.Take(ctx, 1)
	defer permit.Release()
	if err == nil {
		use()
	}
	return err
}
