//go:build !race

package pool_test

// This file counts allocations where sync.Pool has to keep what it is given,
// which it does not always do under the race detector.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/pool"
)

func TestACallThatFindsSomethingIdleAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &source{}
	for name, p := range map[string]*pool.Pool[*resource]{
		"plain": s.pool(pool.Options[*resource]{MaxOpen: 2}),
		"all options": s.pool(pool.Options[*resource]{
			MaxOpen: 2, MaxLifetime: time.Hour, MaxIdleTime: time.Hour, Check: check, CheckAfter: -1, WaitTime: true,
		}),
	} {
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if h, err := p.Get(ctx); err == nil {
				h.Value()
				h.Release()
				h.Release()
			}
		}), name)
		require.Zero(t, testing.AllocsPerRun(1000, func() { p.Stats(); p.Counts(); p.Quota(); p.Rank() }), name)
		h, err := p.Get(ctx)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if permit, err := p.Take(ctx, 1); err == nil {
				permit.Release()
			}
			if permit, err := p.TryTake(1); err == nil {
				permit.Release()
			}
			_, _ = p.TryTake(3)
			_, _ = p.Take(ctx, 3)
		}), name)
		h.Release()
		require.NoError(t, p.Close(ctx))
	}
}

func TestAWaitAllocatesItsChannel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &source{}
	p := s.pool(pool.Options[*resource]{MaxOpen: 1})
	h := must(t, p)
	next, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends when next is closed
		defer close(stopped)
		for range next {
			for p.Stats().Waiting == 0 {
				time.Sleep(time.Microsecond)
			}
			h.Release()
		}
	}()
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
		next <- struct{}{}
		h, _ = p.Get(ctx)
	}), 1.0)
	close(next)
	<-stopped
	h.Release()
	require.NoError(t, p.Close(ctx))
}
