package limiter_test

// This file tests that a limit in the shadow refuses nobody and counts everybody.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

func TestAShadowRefusesNobodyAndCountsWhomItWould(t *testing.T) {
	limit := semaphore.NewWeighted(1)
	s := limiter.Shadow(limit)
	held, err := s.TryTake(1)
	require.NoError(t, err)
	for range 3 {
		p, err := s.TryTake(1)
		require.NoError(t, err)
		p.Release()
	}
	require.EqualValues(t, 3, s.Stats().Refused)
	require.EqualValues(t, 1, s.Stats().InFlight, "those let off hold nothing")
	_, err = s.Take(t.Context(), 2)
	require.NoError(t, err)
	require.EqualValues(t, 4, s.Stats().Refused, "too large for ever")
	held.Release()
	require.Zero(t, limit.Stats().InFlight)
}

func TestAShadowNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		full := semaphore.NewWeighted(1)
		require.True(t, full.TryAcquire(1))
		tokens := rate.NewLimiter(1, 1)
		places, events := limiter.Shadow(full), limiter.Shadow(tokens)
		both := limiter.All(events, places, rate.NewLimiter(100, 100))
		for range 5 {
			_, err := both.Take(t.Context(), 1)
			require.NoError(t, err)
			_, err = events.Take(t.Context(), 1)
			require.NoError(t, err)
		}
		require.Zero(t, time.Since(began))
		require.Zero(t, tokens.Tokens(), "who is let off owes nothing")
		require.EqualValues(t, 5, places.Stats().Waited, "it would have had to")
		require.EqualValues(t, 9, events.Stats().Waited)
		require.Zero(t, places.Stats().Refused+events.Stats().Refused)

		soon, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := events.Take(soon, 1)
		require.NoError(t, err)
		require.EqualValues(t, 1, events.Stats().Refused, "the token comes too late")
	})
}

func TestAShadowCountsAsRefusedWhoMayNotWait(t *testing.T) {
	for name, of := range map[string]func(limiter.Limiter) limiter.Limiter{
		"itself":   func(l limiter.Limiter) limiter.Limiter { return l },
		"watched":  func(l limiter.Limiter) limiter.Limiter { return limiter.Watch(l) },
		"composed": func(l limiter.Limiter) limiter.Limiter { return limiter.All(rate.NewLimiter(1, 9), l) },
	} {
		s := limiter.Shadow(of(semaphore.New(semaphore.Options{Size: 1, Queue: -1})))
		for range 3 {
			_, err := s.Take(t.Context(), 1)
			require.NoError(t, err)
		}
		require.EqualValues(t, 2, s.Stats().Refused, name)
		require.Zero(t, s.Stats().Waited, name)
		s.Enforce(true)
		_, err := s.Take(t.Context(), 1)
		require.ErrorIs(t, err, limiter.ErrFull)
		require.EqualValues(t, 3, s.Stats().Refused, name)
		require.Zero(t, s.Stats().Waited, name)
	}
}

func TestAShadowCountsAsRefusedWhoFindsALineThatIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := semaphore.New(semaphore.Options{Size: 1, Queue: 1})
		s := limiter.Shadow(limit)
		require.True(t, limit.TryAcquire(1))
		_, err := s.Take(t.Context(), 1)
		require.NoError(t, err)
		require.EqualValues(t, 1, s.Stats().Waited, "there would have been a place in line")
		done := make(chan error)
		go func() { done <- limit.Acquire(t.Context(), 1) }()
		synctest.Wait()
		_, err = s.Take(t.Context(), 1)
		require.NoError(t, err)
		require.EqualValues(t, 1, s.Stats().Refused)
		limit.Release(1)
		require.NoError(t, <-done)
		require.EqualValues(t, 2, s.Stats().Waited, "that one has waited")
	})
}

func TestAShadowStillMindsTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.DeadlineExceeded)
	limit := semaphore.NewWeighted(1)
	_, err := limiter.Shadow(limit).Take(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, context.DeadlineExceeded, "the cause")
	require.Zero(t, limit.Stats().InFlight)
}

func TestAShadowCanBeTurnedOnAndOffWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := semaphore.NewWeighted(1)
		s := limiter.Shadow(limit)
		held, _ := s.TryTake(1)
		require.False(t, s.Enforcing())
		s.Enforce(true)
		require.True(t, s.Enforcing())
		_, err := s.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull)
		require.EqualValues(t, 1, s.Stats().Refused)
		done := make(chan error)
		go func() {
			p, err := s.Take(t.Context(), 1)
			p.Release()
			done <- err
		}()
		synctest.Wait()
		s.Enforce(false)
		_, err = s.TryTake(1)
		require.NoError(t, err)
		select {
		case <-done:
			t.Fatal("who waits goes on waiting")
		default:
		}
		held.Release()
		require.NoError(t, <-done)
		require.Zero(t, limit.Stats().InFlight)
	})
}

func TestAShadowOfALimitWithoutStatisticsCountsItsOwn(t *testing.T) {
	s := limiter.Shadow(&foreign{})
	_, err := s.TryTake(1)
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Stats().Refused)
}
