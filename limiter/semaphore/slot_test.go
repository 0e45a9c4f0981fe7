package semaphore_test

// This file tests the permit of a semaphore's own slot, beside those that it has
// to take from elsewhere.

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
	const n = 10
	s := semaphore.NewWeighted(n)
	var permits []limiter.Permit
	for i := range int64(n) {
		p, err := s.TryTake(1)
		require.NoError(t, err)
		permits = append(permits, p)
		require.EqualValues(t, i+1, s.Stats().InFlight)
	}
	require.True(t, semaphore.SlotInUse(s))
	rand.Shuffle(n, func(i, j int) { permits[i], permits[j] = permits[j], permits[i] })
	for i, p := range permits {
		p.Release()
		p.Release()
		require.EqualValues(t, n-1-i, s.Stats().InFlight)
	}
	require.False(t, semaphore.SlotInUse(s))
}

// The word is slow while somebody waits, or while more is held than there is.
func TestASlotIsFreeAgainHoweverItsPermitWasReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(2)
		first, err := s.Take(t.Context(), 1)
		require.NoError(t, err)
		second, err := s.Take(t.Context(), 1)
		require.NoError(t, err)
		waits := func() {
			if s.Acquire(t.Context(), 1) == nil {
				s.Release(1)
			}
		}
		go waits()
		synctest.Wait()
		require.True(t, semaphore.SlotInUse(s))
		first.Release()
		require.False(t, semaphore.SlotInUse(s), "with a line")
		synctest.Wait()
		third, err := s.Take(t.Context(), 1)
		require.NoError(t, err)
		require.True(t, semaphore.SlotInUse(s))
		s.Resize(0)
		third.Release()
		require.False(t, semaphore.SlotInUse(s), "of a semaphore that was made smaller")
		second.Release()
		first.Release()
		third.Release()
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
	require.True(t, semaphore.SlotInUse(s))
	other, err := s.TryTake(7)
	require.NoError(t, err)
	p.Release()
	require.EqualValues(t, 7, s.Stats().InFlight)
	require.False(t, semaphore.SlotInUse(s), "the other one came while it was in use")
	other.Release()
}

// The permit of the slot goes back past the lock, by a swap of its own.
func TestAPermitOfTheSlotWhoseUnitsWereGivenBackAlreadyPanicsAndChangesNothing(t *testing.T) {
	const misuse = "semaphore: released more than held"
	for _, size := range []int64{1, 5, semaphore.MaxFree, semaphore.MaxFree + 1} {
		for _, resized := range []bool{false, true} {
			s := semaphore.NewWeighted(size)
			p, err := s.TryTake(1)
			require.NoError(t, err)
			s.Release(1) // not its own
			if resized {
				s.Resize(size - 1)
				s.Resize(size)
			}
			require.PanicsWithValue(t, misuse, p.Release)
			require.NotPanics(t, p.Release, "it has ended")
			require.Zero(t, s.Stats().InFlight)
			require.False(t, semaphore.SlotInUse(s), "the next permit may have it")
			require.EqualValues(t, size, s.TryAcquireUpTo(size), "no more than the size")
			require.False(t, s.TryAcquire(1))
			s.Release(size)
			require.Zero(t, s.Stats().InFlight, "nothing is locked")
		}
	}
}

func TestAPermitOfTheSlotGivesBackNothingIfItHasMoreThanIsHeld(t *testing.T) {
	const misuse = "semaphore: released more than held"
	s := semaphore.NewWeighted(10)
	p, err := s.TryTake(6)
	require.NoError(t, err)
	s.Release(2)
	require.PanicsWithValue(t, misuse, func() { p.Settle(1) })
	require.EqualValues(t, 4, s.Stats().InFlight)
	require.True(t, semaphore.SlotInUse(s), "the permit goes on")
	p.Release() // of what it has since
	require.EqualValues(t, 3, s.Stats().InFlight)
	s.Release(3)

	p, err = s.TryTake(6)
	require.NoError(t, err)
	s.Release(2)
	require.PanicsWithValue(t, misuse, p.Release)
	require.EqualValues(t, 4, s.Stats().InFlight)
	require.False(t, semaphore.SlotInUse(s))
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
	require.False(t, semaphore.SlotInUse(s))
}
