package belayredis_test

// This file tests that nothing is asked of Redis for nobody, whatever the times
// are.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
)

func TestWhatIsNotHeldIsNotRenewed(t *testing.T) {
	for _, ttl := range []time.Duration{-1, time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			store := &pretender{members: 1}
			f := belayredis.Fleet{Store: store, Key: "k", MemberTTL: ttl, Logger: quiet}
			s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 8, Lease: 2})
			p, err := s.Take(t.Context(), 1)
			require.NoError(t, err)
			p.Release()
			time.Sleep(time.Minute)
			before := store.trips.Load()
			time.Sleep(time.Minute)
			require.Zero(t, store.trips.Load()-before, ttl)
		})
	}
}
