//go:build !race

package belayredis_test

// This file counts allocations where sync.Pool has to keep what it is given.

import (
	"testing"

	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
	"github.com/belay-go/belay/limiter"
)

func TestALeasedCallAllocatesNothing(t *testing.T) {
	p := &pretender{members: 1}
	f := belayredis.Fleet{Store: p, Key: "k"}
	for _, l := range []limiter.Limiter{
		newRate(t, belayredis.RateOptions{Fleet: f, Limit: 1e6, Burst: 1 << 20, Lease: 1 << 19}),
		newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 100, Lease: 10}),
	} {
		take := func() {
			permit, err := l.Take(t.Context(), 1)
			if err != nil {
				panic(err)
			}
			permit.Release()
		}
		take()
		require.Zero(t, testing.AllocsPerRun(1000, take))
	}
}
