package limiter_test

// This file has limits of the tests' own: one that a stranger could have
// written, and one that pauses where a test wants it to.

import (
	"context"
	"sync"

	"github.com/belay-go/belay/limiter"
)

// foreign is a limit without rank and without bookings, on places. It does not
// wait: Take and TryTake differ by the context alone.
type foreign struct {
	mu    sync.Mutex
	free  int64 // places
	asked int
}

func (f *foreign) TryTake(n int64) (limiter.Permit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if n > f.free {
		return limiter.Permit{}, &limiter.RefusedError{Reason: limiter.ErrFull}
	}
	f.free -= n
	return limiter.NewPermit(f, n), nil
}

func (f *foreign) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	if err := ctx.Err(); err != nil {
		return limiter.Permit{}, err
	}
	return f.TryTake(n)
}

func (f *foreign) Release(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free += n
}

func (f *foreign) left() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.free
}

// owing is a limit that grants everything and knows debt: what is out may be
// settled both ways.
type owing struct{ debts }

func (o *owing) TryTake(n int64) (limiter.Permit, error) { return o.take(n), nil }

func (o *owing) Take(_ context.Context, n int64) (limiter.Permit, error) { return o.TryTake(n) }
