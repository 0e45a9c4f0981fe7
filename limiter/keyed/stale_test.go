package keyed_test

// This file tests what happens to those who have found a slot and go on when it is
// another key's.

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/keyed"
)

func TestWhoFoundABucketThatIsAnothersByNowLeavesItAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1, Burst: 2})
		require.Equal(t, 8, keyed.Slots(r))
		const late = 0
		require.True(t, r.For(late).Allow())
		allow, take := keyed.FoundByAllow(r.For(late)), keyed.FoundByTake(r.For(late))
		time.Sleep(10 * time.Second)
		for other := 1; other <= 8; other++ {
			require.True(t, r.For(other).Allow())
		}
		require.Zero(t, keyed.Present(r.For(late)))
		ok, known := allow()
		require.False(t, ok || known)
		ok, over := take()
		require.False(t, ok || over)
		for other := 1; other <= 8; other++ {
			_, left, _, _ := r.For(other).Quota()
			require.EqualValues(t, 1, left)
		}
		require.EqualValues(t, 9, r.Stats().Total)
		require.Zero(t, r.Stats().Refused)
	})
}

// An idle semaphore looks like any other one, so that it is taken, and given back.
func TestWhoFoundASemaphoreThatIsAnothersByNowLeavesItAlone(t *testing.T) {
	s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 8, Size: 1})
	const late = 0
	p, err := s.For(late).TryTake(1)
	require.NoError(t, err)
	p.Release()
	goOn := keyed.FoundIdle(s.For(late))
	// Until its slot is another's: which one's, the seed decides.
	for other := 1; keyed.Here(s.For(late)); other++ {
		p, err := s.For(other).TryTake(1)
		require.NoError(t, err)
		p.Release()
	}
	ok, over := goOn()
	require.False(t, ok || over)
	require.Zero(t, s.Stats().InFlight)
	require.Zero(t, keyed.Held(s))
	p, err = s.For(late).TryTake(1)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Stats().InFlight)
	p.Release()
}
