package pool_test

// This file tests the reserve, and upkeep that lasts: it runs once at a time, and
// ends with the pool.

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/pool"
)

// slowly is a pool of three, of which the first two are idle, and are checked as
// long as the channel says. The upkeep is due.
func slowly(t *testing.T, s *source) (*pool.Pool[*resource], chan struct{}) {
	checking := make(chan struct{})
	p := s.pool(pool.Options[*resource]{MaxOpen: 3, TendEvery: time.Minute, Check: func(_ context.Context, r *resource) error {
		if r.id < 3 {
			<-checking
		}
		return nil
	}})
	opens(t, p, 3)
	time.Sleep(time.Minute)
	return p, checking
}

func TestUpkeepRunsOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p, checking := slowly(t, s)
		for range 3 {
			must(t, p).Release()
			synctest.Wait()
			require.EqualValues(t, 1, p.Counts().Tending)
			require.EqualValues(t, 2, p.Counts().Idle, "one is checked")
			time.Sleep(time.Minute)
		}
		close(checking)
		synctest.Wait()
		require.Zero(t, p.Counts().Tending)
		ends(t, p, s)
	})
}

// A clock that was read before the check would call what came after it a stranger.
func TestAfterALongCheckWhatWasGivenBackMeanwhileIsLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 2, MaxIdleTime: 15 * time.Minute, TendEvery: -1, Check: func(context.Context, *resource) error {
			time.Sleep(10 * time.Minute)
			return errBroken
		}})
		first, second := must(t, p), must(t, p)
		first.Release()
		time.Sleep(time.Minute)
		c := get(t.Context(), p)
		time.Sleep(10*time.Minute - 1)
		second.Release()
		time.Sleep(11 * time.Minute)
		require.True(t, c.returned())
		require.Zero(t, p.Counts().Expired)
		require.EqualValues(t, 2, p.Counts().Unhealthy, "the second was checked too, as the first was broken")
		c.handle.Release()
		ends(t, p, s)
	})
}

func TestWhatPassesItsCheckAfterCloseIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p, checking := slowly(t, s)
		must(t, p).Release()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- p.Close(context.Background()) }() // ends with the check
		synctest.Wait()
		require.Empty(t, closed)
		close(checking)
		require.NoError(t, <-closed)
		ends(t, p, s)
	})
}

func TestWithoutALineGetReplacesWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{closeGate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, Queue: -1, MaxIdleTime: time.Minute})
		opens(t, p, 1)
		time.Sleep(time.Minute)
		c := get(t.Context(), p)
		require.False(t, c.returned(), "waits for a Close and an Open")
		close(s.closeGate)
		require.True(t, c.returned())
		require.NoError(t, c.err)
		c.handle.Release()
		ends(t, p, s)
	})
}

func TestAReserveIsOpenedByTendAndKeptByCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 4, MinIdle: 2})
		synctest.Wait()
		require.Zero(t, s.opened, "New starts nothing")
		require.NoError(t, p.Tend(t.Context()))
		require.Equal(t, pool.Counts{Open: 2, Idle: 2, Opened: 2}, p.Counts())
		a := must(t, p)
		synctest.Wait()
		require.EqualValues(t, 2, p.Counts().Idle)
		b, c := must(t, p), must(t, p)
		synctest.Wait()
		require.EqualValues(t, 1, p.Counts().Idle, "there are no more places")
		require.Equal(t, 4, s.most)
		for _, h := range []pool.Handle[*resource]{a, b, c} {
			h.Release()
		}
		ends(t, p, s)
	})
}

func TestTheReserveOfADeadServerIsTriedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 4, MinIdle: 1})
		h := must(t, p)
		s.fail(errDown)
		h.Release()
		for range 100 {
			must(t, p).Release()
			synctest.Wait()
			time.Sleep(100 * time.Millisecond)
		}
		require.InDelta(t, 10, p.Stats().Failed, 1)
		require.ErrorIs(t, errors.Join(p.Tend(t.Context())), nil)
		h = must(t, p)
		synctest.Wait()
		require.ErrorIs(t, p.Tend(t.Context()), errDown)
		h.Release()
		ends(t, p, s)
	})
}

func TestTendEndsWithItsContextAndWithThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 4, MinIdle: 4})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBroken)
		defer cancel()
		err := p.Tend(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errBroken)
		require.ErrorIs(t, p.Tend(ctx), errBroken)
		tended := make(chan error, 1)
		go func() { tended <- p.Tend(context.Background()) }() // ends with the pool
		synctest.Wait()
		require.NoError(t, p.Close(t.Context()))
		require.ErrorIs(t, <-tended, pool.ErrClosed)
	})
}

// What a bubble's clock says is decades from what any other says.
func TestAPoolWithTimesServesInABubbleOutsideAndInTheNext(t *testing.T) {
	s := &source{}
	p := s.pool(pool.Options[*resource]{MaxOpen: 2, MaxLifetime: time.Hour, MaxIdleTime: time.Minute, Check: check, TendEvery: time.Minute})
	inside := func(t *testing.T) {
		for range 3 {
			must(t, p).Release()
			time.Sleep(45 * time.Second)
			synctest.Wait()
		}
	}
	opened := 0
	for range 2 {
		synctest.Test(t, inside)
		opened++
		require.Equal(t, opened, s.opened, "within a bubble one lasts")
		for range 3 {
			must(t, p).Release()
		}
		for p.Counts().Tending > 0 { // what runs outside takes what is opened inside for old
			time.Sleep(time.Millisecond)
		}
		opened++
		require.Equal(t, opened, s.opened, "what a bubble has opened is not used outside, nor the other way")
	}
	require.NoError(t, p.Close(t.Context()))
	require.Zero(t, s.open)
}
