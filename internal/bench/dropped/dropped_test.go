package dropped_test

// This file tests that each design does the work at all: a comparison with one
// that loses tasks or oversteps the limit would say nothing.

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/bench/dropped"
)

func TestEveryDesignRunsEachTaskOnceWithinTheLimit(t *testing.T) {
	const producers, each = 4, 2000
	for _, d := range dropped.Designs {
		for _, limit := range []int{1, 2, 3, 8, 64} {
			var running, most, ran atomic.Int64
			g := dropped.New(d)
			g.SetLimit(limit)
			var wg sync.WaitGroup
			for range producers {
				wg.Go(func() {
					for i := range each {
						g.Go(func() error {
							now := running.Add(1)
							for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); {
								seen = most.Load()
							}
							if i%5 == 0 {
								runtime.Gosched()
							}
							ran.Add(1)
							running.Add(-1)
							return nil
						})
					}
				})
			}
			wg.Wait()
			require.NoError(t, g.Wait())
			require.EqualValues(t, producers*each, ran.Load(), "%s, limit %d", d.Name, limit)
			require.LessOrEqual(t, most.Load(), int64(limit), "%s, limit %d", d.Name, limit)
		}
	}
}
