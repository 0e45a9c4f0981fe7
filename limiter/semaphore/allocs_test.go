//go:build !race

package semaphore_test

// This file counts allocations where sync.Pool has to keep what it is given,
// which it does not always do under the race detector.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/semaphore"
)

func TestACallThatNeedNotWaitAllocatesNothing(t *testing.T) {
	s := semaphore.NewWeighted(2)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	zero := func(name string, f func()) {
		require.Zero(t, testing.AllocsPerRun(1000, f), name)
	}
	zero("Acquire", func() {
		if s.Acquire(ctx, 1) == nil {
			s.Release(1)
		}
	})
	zero("Take", func() {
		p, _ := s.Take(ctx, 1)
		p.Release()
	})
	zero("TryAcquire, TryTake, TryAcquireUpTo, refused and not", func() {
		s.TryAcquire(1)
		p, _ := s.TryTake(1)
		s.TryAcquire(1)
		_, _ = s.TryTake(1)
		_, _ = s.TryTake(3)
		_ = s.Acquire(ctx, 3)
		p.Release()
		s.TryAcquireUpTo(5)
		s.Release(2)
	})
	zero("Resize", func() { s.Resize(3); s.Resize(2) })
	zero("Stats, Quota, Rank", func() { s.Stats(); s.Quota(); s.Rank() })
	cancel()
	zero("a done context", func() { _ = s.Acquire(ctx, 1); _, _ = s.Take(ctx, 1) })
}

func TestAWaitAllocatesAChannelAtMost(t *testing.T) {
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		most float64
	}{"a context that ends": {ctx, 1}, "none": {background, 0}} {
		s := semaphore.NewWeighted(1)
		require.NoError(t, s.Acquire(background, 1))
		next, stopped := make(chan struct{}), make(chan struct{})
		go func() { // ends when next is closed
			defer close(stopped)
			for range next {
				for s.Stats().Waiting == 0 {
					time.Sleep(time.Microsecond)
				}
				s.Release(1)
			}
		}()
		require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
			next <- struct{}{}
			_ = s.Acquire(c.ctx, 1)
		}), c.most, name)
		close(next)
		<-stopped
	}
}
