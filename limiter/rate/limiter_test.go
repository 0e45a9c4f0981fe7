package rate_test

// This file tests what a limiter promises of waiting, clocks and counting.

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
)

func TestAnOlderReadingOfTheClockYieldsNoTokensTwice(t *testing.T) {
	now := time.Now()
	lim := rate.NewLimiter(10, 10)
	require.True(t, lim.AllowN(now, 9))
	require.True(t, lim.AllowN(now.Add(-time.Second), 1))
	require.False(t, lim.AllowN(now, 1), "the burst is spent at this instant")
	require.True(t, lim.AllowN(now.Add(time.Second), 10))
}

func TestWaitersAreServedInOrderEachAtItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		lim := rate.NewLimiter(1, 1)
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				if err := lim.Wait(t.Context()); err != nil {
					panic(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait()
		}
		require.EqualValues(t, 4, lim.Stats().Waiting)
		all.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
		require.Equal(t, 4*time.Second, time.Since(began))
		s := lim.Stats()
		require.EqualValues(t, []uint64{5, 4, 0}, []uint64{s.Total, s.Waited, uint64(s.Waiting)})
		require.Equal(t, 10*time.Second, s.WaitTime.Sum)
	})
}

func TestAWaitThatGivesUpReturnsItsTokensAndTheContextsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lim := rate.NewLimiter(1, 2)
		require.True(t, lim.AllowN(time.Now(), 2))
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- lim.WaitN(ctx, 2) }()
		synctest.Wait()
		require.Equal(t, -2.0, lim.Tokens())
		cancel()
		require.True(t, <-failed == context.Canceled)
		require.Zero(t, lim.Tokens())
		require.EqualValues(t, 1, lim.Stats().Cancelled)
	})
}

func TestAWaitPastItsDeadlineFailsAtOnceAndSaysWhenToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lim := rate.NewLimiter(rate.Every(time.Minute), 1)
		require.True(t, lim.Allow())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := lim.Wait(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var late *limiter.RefusedError
		require.ErrorAs(t, err, &late)
		require.Equal(t, time.Minute, late.RetryAfter, "a turn at the very deadline is too late")
		require.Equal(t, began, time.Now())
		require.Zero(t, lim.Tokens(), "nothing was taken")
	})
}

func TestADoneContextIsReportedBeforeARequestThatIsTooLarge(t *testing.T) {
	lim := rate.NewLimiter(1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, lim.WaitN(ctx, 2) == context.Canceled)
	require.ErrorIs(t, lim.WaitN(t.Context(), 2), rate.ErrTooLarge)
	require.Equal(t, 1.0, lim.Tokens())
}

func TestAllowAndAnImmediateWaitAllocateNothing(t *testing.T) {
	lim := rate.NewLimiter(rate.Inf, 1)
	empty := rate.NewLimiter(0, 0)
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		lim.Allow()
		empty.Allow()
		_ = lim.Wait(ctx)
	}))
}

func TestOneLimiterServesInABubbleOutsideAndInTheNext(t *testing.T) {
	lim := rate.NewLimiter(rate.Every(time.Hour), 1)
	take := func() bool { return lim.Allow() }
	synctest.Test(t, func(t *testing.T) {
		require.True(t, take())
		require.False(t, take())
		time.Sleep(time.Hour)
		require.True(t, take())
	})
	require.True(t, take(), "the bubble's clock is decades behind")
	require.False(t, take())
	synctest.Test(t, func(t *testing.T) {
		require.False(t, take(), "a clock that goes back gives no tokens")
		time.Sleep(time.Hour)
		require.True(t, take())
	})
}

// A turn on the world's clock is decades away from inside a bubble, and must not
// count as one that comes later.
func TestAReservationMadeOutsideABubbleWithholdsNothingInside(t *testing.T) {
	lim, now := rate.NewLimiter(rate.Every(time.Hour), 1), time.Now()
	require.True(t, lim.AllowN(now, 1))
	require.True(t, lim.ReserveN(now, 1).OK())
	synctest.Test(t, func(t *testing.T) {
		require.Equal(t, -1.0, lim.Tokens())
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- lim.Wait(ctx) }()
		synctest.Wait()
		require.Equal(t, -2.0, lim.Tokens())
		cancel()
		require.True(t, <-failed == context.Canceled)
		require.Equal(t, -1.0, lim.Tokens())
	})
}

func TestConcurrentCallersNeverGetMoreThanTheBurst(t *testing.T) {
	for range 200 {
		lim := rate.NewLimiter(0, 10)
		var granted [4]int
		var all sync.WaitGroup
		for i := range granted {
			all.Go(func() {
				for range 10 {
					if lim.Allow() {
						granted[i]++
					}
				}
			})
		}
		all.Wait()
		require.Equal(t, 10, granted[0]+granted[1]+granted[2]+granted[3])
	}
}
