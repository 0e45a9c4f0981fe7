package semaphore_test

// This file tests what is new beside x/sync's semaphore: Resize, a bounded line,
// permits and refusals, each promise by itself.

import (
	"cmp"
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

func TestALargerSizeLetsThoseInLineGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(2)
		require.True(t, s.TryAcquire(2))
		first, second := acquire(background, s, 2), (*call)(nil)
		synctest.Wait()
		second = acquire(background, s, 1)
		synctest.Wait()
		s.Resize(4)
		synctest.Wait()
		require.Equal(t, []verdict{served, waiting}, []verdict{first.verdict(), second.verdict()})
		s.Resize(5)
		<-second.done
		require.EqualValues(t, 5, s.Stats().InFlight)
	})
}

func TestASizeBelowWhatIsHeldGrantsNothingUntilEnoughCameBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(5)
		require.True(t, s.TryAcquire(5))
		s.Resize(2)
		require.EqualValues(t, 5, s.Stats().InFlight, "nothing is taken from holders")
		require.False(t, s.TryAcquire(0))
		require.Zero(t, s.TryAcquireUpTo(1))
		next := acquire(background, s, 1)
		for range 3 {
			s.Release(1)
			synctest.Wait()
			require.Equal(t, waiting, next.verdict())
			require.PanicsWithValue(t, "semaphore: released more than held", func() { s.Release(6) })
		}
		_, remaining, _, _ := s.Quota()
		require.Zero(t, remaining)
		s.Release(1)
		<-next.done
		require.False(t, s.TryAcquire(1))
		s.Resize(3)
		require.True(t, s.TryAcquire(1))
		s.Release(3)
		require.PanicsWithValue(t, "semaphore: released more than held", func() { s.Release(1) })
	})
}

func TestAWaiterForMoreThanTheNewSizeIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := semaphore.NewWeighted(5)
		require.True(t, s.TryAcquire(3))
		ctx, cancel := context.WithTimeout(background, time.Hour)
		defer cancel()
		endless := acquire(background, s, 4)
		synctest.Wait()
		bounded := take(ctx, s, 5)
		synctest.Wait()
		small := acquire(background, s, 1)
		synctest.Wait()
		s.Resize(4)
		synctest.Wait()
		require.Equal(t, []verdict{waiting, tooLarge, waiting}, []verdict{endless.verdict(), bounded.verdict(), small.verdict()})
		s.Resize(3)
		synctest.Wait()
		require.Equal(t, []verdict{tooLarge, waiting}, []verdict{endless.verdict(), small.verdict()})
		var why *limiter.RefusedError
		require.ErrorAs(t, endless.err, &why)
		require.EqualValues(t, int64(math.MaxInt64), why.RetryAfter)
		s.Release(1)
		<-small.done
		require.NoError(t, small.err, "those before it are gone")
		require.Zero(t, time.Since(began))
	})
}

func TestARefusalThatMeetsACancelIsTheContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			s := semaphore.NewWeighted(2)
			require.True(t, s.TryAcquire(1))
			ctx, cancel := context.WithCancel(background)
			c := acquire(ctx, s, 2)
			synctest.Wait()
			s.Resize(1)
			cancel()
			synctest.Wait()
			require.Contains(t, []verdict{gaveUp, tooLarge}, c.verdict())
			stats := s.Stats()
			require.EqualValues(t, 1, stats.InFlight)
			require.EqualValues(t, 1, stats.Refused+stats.Cancelled)
			require.Zero(t, stats.Waiting)
		}
	})
}

func TestAFullLineRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(semaphore.Options{Size: 1, Queue: 2})
		require.NoError(t, s.Acquire(background, 1))
		ctx, cancel := context.WithCancel(background)
		first, second := acquire(ctx, s, 1), acquire(background, s, 1)
		synctest.Wait()
		require.ErrorIs(t, s.Acquire(background, 1), limiter.ErrFull)
		_, err := s.Take(background, 1)
		require.ErrorIs(t, err, limiter.ErrFull)
		require.ErrorIs(t, s.Acquire(background, 2), semaphore.ErrTooLarge, "that is the better reason")
		cancel()
		<-first.done
		third := acquire(background, s, 1)
		synctest.Wait()
		require.Equal(t, waiting, third.verdict(), "one left, so there is room")
		s.Release(1)
		<-second.done
		s.Release(1)
		<-third.done
		require.EqualValues(t, 3, s.Stats().Refused)
	})
}

func TestWhereNobodyMayWaitEverybodyKnowsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(semaphore.Options{Size: 2, Queue: -1})
		require.NoError(t, s.Acquire(background, 2))
		require.ErrorIs(t, s.Acquire(background, 1), limiter.ErrFull)
		s.Release(1)
		require.NoError(t, s.Acquire(background, 1))
	})
}

func TestUpToTakesWhatIsThere(t *testing.T) {
	s := semaphore.NewWeighted(5)
	require.EqualValues(t, 2, s.TryAcquireUpTo(2))
	require.EqualValues(t, 3, s.TryAcquireUpTo(math.MaxInt64))
	require.Zero(t, s.Stats().Refused)
	require.Zero(t, s.TryAcquireUpTo(1))
	require.EqualValues(t, 1, s.Stats().Refused)
	require.Zero(t, s.TryAcquireUpTo(0))
	require.EqualValues(t, 1, s.Stats().Refused, "nothing was asked for")
	s.Release(5)
}

func TestUpToDoesNotPassTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(2)
		require.True(t, s.TryAcquire(1))
		large := acquire(background, s, 2)
		synctest.Wait()
		require.Zero(t, s.TryAcquireUpTo(1))
		s.Release(1)
		<-large.done
	})
}

func TestAPermitGivesBackOnce(t *testing.T) {
	s := semaphore.NewWeighted(3)
	p, err := s.Take(background, 2)
	require.NoError(t, err)
	other, err := s.TryTake(1)
	require.NoError(t, err)
	again := p
	p.Release()
	again.Release()
	p.Settle(0)
	require.EqualValues(t, 1, s.Stats().InFlight)
	other.Release()
	require.Zero(t, s.Stats().InFlight)
}

func TestAPermitThatIsSettledGivesBackTheDifferenceAndTakesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(4)
		p, err := s.Take(background, 4)
		require.NoError(t, err)
		next := acquire(background, s, 3)
		synctest.Wait()
		p.Settle(1)
		<-next.done
		p.Settle(9)
		require.EqualValues(t, 4, s.Stats().InFlight)
		p.Release()
		require.EqualValues(t, 3, s.Stats().InFlight)
	})
}

func TestARefusalSaysWhyAndNotWhen(t *testing.T) {
	s := semaphore.NewWeighted(1)
	_, err := s.TryTake(1)
	require.NoError(t, err)
	for n, want := range map[int64]limiter.RefusedError{
		1: {Reason: limiter.ErrFull},
		2: {Reason: limiter.ErrTooLarge, RetryAfter: math.MaxInt64},
	} {
		_, err := s.TryTake(n)
		var why *limiter.RefusedError
		require.ErrorAs(t, err, &why)
		require.Equal(t, want, *why)
	}
}

func TestARefusalSaysWhetherWaitingIsPossible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noWait := func(_ limiter.Permit, err error) bool {
			require.ErrorIs(t, err, limiter.ErrFull)
			var why *limiter.RefusedError
			require.ErrorAs(t, err, &why)
			return why.NoWait
		}
		for queue := range int64(3) {
			s := semaphore.New(semaphore.Options{Size: 1, Queue: cmp.Or(queue, -1)})
			require.True(t, s.TryAcquire(1))
			for waiting := range queue {
				require.False(t, noWait(s.TryTake(1)), "%d of %d wait", waiting, queue)
				go func() { require.NoError(t, s.Acquire(background, 1)) }()
				synctest.Wait()
			}
			require.True(t, noWait(s.TryTake(1)), "%d of %d wait", queue, queue)
			require.True(t, noWait(s.Take(background, 1)))
			s.Resize(2 + queue) // who waits goes on
			synctest.Wait()
			require.True(t, s.TryAcquire(1))
			require.Equal(t, queue == 0, noWait(s.TryTake(1)))
		}
		s := semaphore.NewWeighted(0)
		_, err := s.TryTake(0)
		require.NoError(t, err)
		s.Resize(1)
		require.True(t, s.TryAcquire(1))
		require.False(t, noWait(s.TryTake(1)), "any number may wait")
	})
}

func TestTheErrorOfATakeCarriesTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the client hung up")
		s := semaphore.NewWeighted(1)
		require.True(t, s.TryAcquire(1))
		ctx, cancel := context.WithCancelCause(background)
		waits := take(ctx, s, 1)
		synctest.Wait()
		cancel(cause)
		<-waits.done
		require.ErrorIs(t, waits.err, context.Canceled)
		require.ErrorIs(t, waits.err, cause)
		require.EqualValues(t, 1, s.Stats().Cancelled)
	})
}

func TestAZeroSemaphoreCanBeResized(t *testing.T) {
	var s semaphore.Weighted
	s.Resize(2)
	require.True(t, s.TryAcquire(2))
	require.False(t, s.TryAcquire(1))
}

func TestLimitsOfTheWordAreNotLimitsOfTheSemaphore(t *testing.T) {
	for size := int64(semaphore.MaxFree - 1); size <= semaphore.MaxFree+1; size++ {
		s := semaphore.NewWeighted(size)
		_, fast := semaphore.Counted(s)
		require.Equal(t, size <= semaphore.MaxFree, fast)
		require.NoError(t, s.Acquire(background, size))
		require.False(t, s.TryAcquire(1))
		s.Release(size)
		require.True(t, s.TryAcquire(size-1))
		require.True(t, s.TryAcquire(1))
		require.False(t, s.TryAcquire(1))
		s.Release(size)
		require.EqualValues(t, 2*size, s.Stats().Total)
		s.Resize(1) // there and back
		require.False(t, s.TryAcquire(2))
		s.Resize(size)
		require.True(t, s.TryAcquire(size))
	}
}

func TestTheTotalIsExactAcrossTheEndOfItsField(t *testing.T) {
	for _, step := range []int64{1, 2, 3, 7, 1000} {
		s := semaphore.NewWeighted(1000)
		semaphore.Count(s, semaphore.MaxGranted-5)
		for i := range int64(20) {
			require.NoError(t, s.Acquire(background, step))
			s.Release(step)
			require.EqualValues(t, (i+1)*step, s.Stats().Total)
			require.Zero(t, s.Stats().InFlight)
		}
		units, fast := semaphore.Counted(s)
		require.True(t, fast)
		require.Less(t, units, int64(semaphore.MaxGranted/2), "the count began anew")
	}
}

// A single request may be of more units than the field counts.
func TestWhatDoesNotFitInTheCountIsCounted(t *testing.T) {
	s := semaphore.NewWeighted(semaphore.MaxFree)
	for range 3 {
		require.True(t, s.TryAcquire(semaphore.MaxFree))
		s.Release(semaphore.MaxFree)
		require.True(t, s.TryAcquire(semaphore.MaxGranted))
		s.Release(semaphore.MaxGranted)
	}
	require.EqualValues(t, uint64(3*(semaphore.MaxFree+semaphore.MaxGranted)), s.Stats().Total)
}
