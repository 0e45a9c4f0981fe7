package semaphore_test

// This file tests the permits of a semaphore's own slots, beside those that it
// has to take from elsewhere.

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

func TestThereAreMorePermitsThanSlots(t *testing.T) {
	const n = 3 * semaphore.Slots
	s := semaphore.NewWeighted(n)
	var permits []limiter.Permit
	for i := range int64(n) {
		p, err := s.TryTake(1)
		require.NoError(t, err)
		permits = append(permits, p)
		require.EqualValues(t, i+1, s.Stats().InFlight)
	}
	require.EqualValues(t, 1<<semaphore.Slots-1, semaphore.SlotsInUse(s))
	rand.Shuffle(n, func(i, j int) { permits[i], permits[j] = permits[j], permits[i] })
	for i, p := range permits {
		p.Release()
		p.Release()
		require.EqualValues(t, n-1-i, s.Stats().InFlight)
	}
	require.Zero(t, semaphore.SlotsInUse(s))
}

// The word is slow while somebody waits, or while more is held than there is.
func TestASlotIsFreeAgainHoweverItsPermitWasReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(2)
		first, err := s.Take(t.Context(), 1)
		require.NoError(t, err)
		second, err := s.Take(t.Context(), 1)
		require.NoError(t, err)
		require.EqualValues(t, 0b11, semaphore.SlotsInUse(s))
		go func() {
			if s.Acquire(t.Context(), 1) == nil {
				s.Release(1)
			}
		}()
		synctest.Wait()
		first.Release()
		require.EqualValues(t, 0b10, semaphore.SlotsInUse(s), "with a line")
		synctest.Wait()
		s.Resize(0)
		second.Release()
		require.Zero(t, semaphore.SlotsInUse(s), "of a semaphore that was made smaller")
		first.Release()
		second.Release()
		s.Resize(2)
		require.EqualValues(t, 2, s.TryAcquireUpTo(3))
	})
}

func TestASettledPermitKeepsItsSlot(t *testing.T) {
	s := semaphore.NewWeighted(10)
	p, err := s.TryTake(8)
	require.NoError(t, err)
	p.Settle(9) // not without asking
	require.EqualValues(t, 8, s.Stats().InFlight)
	p.Settle(3)
	require.EqualValues(t, 3, s.Stats().InFlight)
	require.EqualValues(t, 1, semaphore.SlotsInUse(s))
	other, err := s.TryTake(7)
	require.NoError(t, err)
	p.Release()
	require.EqualValues(t, 7, s.Stats().InFlight)
	require.EqualValues(t, 2, semaphore.SlotsInUse(s))
	other.Release()
}

func TestSlotsThatMeetAreTakenOnce(t *testing.T) {
	s := semaphore.NewWeighted(1 << 20)
	var all sync.WaitGroup
	for g := range uint64(4) {
		all.Go(func() {
			random := rand.New(rand.NewPCG(g, 0))
			var mine []limiter.Permit
			for range 20_000 {
				if len(mine) < 4 && random.IntN(2) == 0 {
					if p, err := s.TryTake(1 + random.Int64N(9)); err == nil {
						mine = append(mine, p)
					}
				} else if len(mine) > 0 {
					mine[0].Settle(random.Int64N(9))
					mine[0].Release()
					mine[0].Release()
					mine = mine[1:]
				}
			}
			for _, p := range mine {
				p.Release()
			}
		})
	}
	all.Wait()
	require.Zero(t, s.Stats().InFlight)
	require.Zero(t, semaphore.SlotsInUse(s))
}
