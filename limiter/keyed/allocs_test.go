//go:build !race

package keyed_test

// This file counts allocations where sync.Pool has to keep what it is given,
// which it does not always do under the race detector.

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/keyed"
)

func TestACallThatNeedNotWaitAllocatesNothing(t *testing.T) {
	zero := func(name string, f func()) {
		require.Zero(t, testing.AllocsPerRun(1000, f), name)
	}
	ctx := t.Context()
	rates := keyed.NewRate[string](keyed.RateOptions{Keys: 8, Limit: 1e9, Burst: 1 << 30})
	places := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: 8, Size: 2})
	zero("a rate", func() {
		rates.For("a").Allow()
		p, _ := rates.For("a").TryTake(10)
		p.Settle(5)
		p.Release()
		p, _ = rates.For("b").Take(ctx, 1)
		p.Release()
		rates.For("c").Quota()
	})
	zero("a semaphore", func() {
		p, _ := places.For("a").TryTake(2)
		_, _ = places.For("a").TryTake(1) // refused
		p.Settle(1)
		p.Release()
		p, _ = places.For("b").Take(ctx, 1)
		p.Release()
		places.For("c").Quota()
	})
	zero("Stats", func() { rates.Stats(); rates.Overflow(); places.Stats() })

	addrs := keyed.NewRate[netip.Addr](keyed.RateOptions{Keys: 8, Limit: 1e9, Burst: 1 << 30})
	addr := netip.MustParseAddr("192.0.2.1")
	zero("a key that is no string", func() { addrs.For(addr).Allow() })

	denied := keyed.NewRate[int](keyed.RateOptions{Keys: 8, Limit: 1e-9, Burst: 1})
	denied.For(1).Allow()
	zero("refused", func() { denied.For(1).Allow() })
	i := 1
	zero("a flood", func() { i++; denied.For(i).Allow() })
}
