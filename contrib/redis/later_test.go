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

// From MemberTTL on Redis gives to others what a process has not renewed: because
// it was stopped, or its round trips fail and are not Failures yet.
func TestALeaseThatWasNotRenewedIsLentToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &pretender{members: 2}
		f := belayredis.Fleet{Store: store, Key: "k", MemberTTL: 9 * time.Second, Failures: 100, Logger: quiet}
		s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 8, Lease: 4})
		p, err := s.TryTake(5)
		require.NoError(t, err)
		p.Release()
		require.EqualValues(t, 5, s.State().Leased)
		takes := func() (granted int64) {
			for range 8 {
				p, err := s.TryTake(1)
				if err != nil {
					break
				}
				defer p.Release()
				granted++
			}
			return granted
		}
		store.fails.Store(true)
		for range 20 { // it is called all the time, so that nothing goes back as idle
			time.Sleep(time.Second)
			require.LessOrEqual(t, takes(), int64(4))
		}
		before := store.trips.Load()
		_, err = s.TryTake(1)
		require.NoError(t, err, "of the share")
		require.Greater(t, store.trips.Load(), before, "not of the lease")
		require.Equal(t, belayredis.Shared, s.State().Mode)

		store.fails.Store(false)
		_, err = s.TryTake(1)
		require.NoError(t, err)
		require.Equal(t, "1", (*store.last.Load())[4], "and it is not said to be held")
	})
}
