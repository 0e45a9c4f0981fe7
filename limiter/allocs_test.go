//go:build !race

package limiter_test

// This file counts allocations where sync.Pool has to keep what it is given,
// which it does not always do under the race detector.

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

func TestACompositionAllocatesNothing(t *testing.T) {
	places, events := semaphore.NewWeighted(10), rate.NewLimiter(1e9, 1<<30)
	watched := limiter.Watch(limiter.Shadow(semaphore.NewWeighted(10)))
	both := limiter.All(limiter.All(places, places), events, watched)
	ctx, cost := t.Context(), []int64{1, 100, 2}
	for name, take := range map[string]func() (limiter.Permit, error){
		"Take":        func() (limiter.Permit, error) { return both.Take(ctx, 1) },
		"TryTake":     func() (limiter.Permit, error) { return both.TryTake(1) },
		"TakeEach":    func() (limiter.Permit, error) { return both.TakeEach(ctx, cost...) },
		"TryTakeEach": func() (limiter.Permit, error) { return both.TryTakeEach(1, 100, 2) },
	} {
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			p, err := take()
			if err != nil {
				panic(err)
			}
			p.Release()
		}), name)
	}
}
