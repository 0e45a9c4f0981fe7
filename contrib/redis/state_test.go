package belayredis_test

// This file tests what a limit says of how it stands, which the collectors show.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	belayredis "github.com/belay-go/belay/contrib/redis"
)

// fleetState is what contrib/prometheus and contrib/otel take.
type fleetState interface {
	Gauges() (local bool, members int, share float64, leased int64)
	Counters() (changes, trips, failures, refused uint64)
}

var _ fleetState = belayredis.State{}

func TestAStateTellsTheShareTheLeaseAndWhatTheShareRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pretender{members: 4}
		f := belayredis.Fleet{Store: p, Key: "k", Failures: 1, Logger: quiet}
		r := newRate(t, belayredis.RateOptions{Fleet: f, Limit: 100, Burst: 1000, Lease: 10})
		s := newSemaphore(t, belayredis.SemaphoreOptions{Fleet: f, Size: 42, Lease: 5})
		_, err := r.TryTake(4)
		require.NoError(t, err)
		_, err = r.TryTake(3)
		require.NoError(t, err)
		units, err := s.TryTake(2)
		require.NoError(t, err)
		require.EqualValues(t, 7, r.State().Leased, "the first call had its own")
		require.Zero(t, r.State().Changes)
		require.Zero(t, r.State().Refused)
		units.Release()
		require.EqualValues(t, 2, s.State().Leased)

		p.fails.Store(true)
		time.Sleep(time.Minute)
		require.Zero(t, r.State().Leased, "its time has run out")
		for range 3 {
			_, err = r.TryTake(1)
			require.Error(t, err)
		}
		_, err = s.TryTake(42)
		require.Error(t, err)
		for _, state := range []belayredis.State{r.State(), s.State()} {
			local, members, _, _ := state.Gauges()
			changes, _, failures, refused := state.Counters()
			require.True(t, local)
			require.Equal(t, 4, members)
			require.EqualValues(t, 1, changes)
			require.Positive(t, failures)
			require.Positive(t, refused)
		}
		require.EqualValues(t, 3, r.State().Refused)
		require.InDelta(t, 25, r.State().Share, 1e-9)
		require.EqualValues(t, 10, s.State().Share, "a part of a unit is none")

		p.fails.Store(false)
		time.Sleep(time.Minute)
		_, _ = r.TryTake(1)
		_, _ = s.TryTake(1)
		synctest.Wait()
		require.EqualValues(t, 2, r.State().Changes)
		require.EqualValues(t, 2, s.State().Changes)
		require.EqualValues(t, 3, r.State().Refused)
		time.Sleep(time.Minute)
	})
}
