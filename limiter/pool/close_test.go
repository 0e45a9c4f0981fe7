package pool_test

// This file tests the end of a pool.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/pool"
)

func TestCloseRefusesThoseWhoWaitAndThoseWhoCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		held := must(t, p)
		waits := get(t.Context(), p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, p.Close(ctx))
		require.True(t, waits.returned())
		require.ErrorIs(t, waits.err, pool.ErrClosed)
		_, err := p.Get(t.Context())
		require.ErrorIs(t, err, pool.ErrClosed)
		_, err = p.Take(t.Context(), 1)
		require.ErrorIs(t, err, pool.ErrClosed)
		_, err = p.TryTake(1)
		require.ErrorIs(t, err, pool.ErrClosed)
		require.ErrorIs(t, p.Tend(t.Context()), pool.ErrClosed)
		require.EqualValues(t, 4, p.Stats().Refused)
		held.Release()
		ends(t, p, s)
		ends(t, p, s)
	})
}

func TestCloseWaitsForWhatIsOutAndThenItIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 3})
		held := must(t, p)
		opens(t, p, 2)
		go func() { // ends with its sleep
			time.Sleep(time.Minute)
			held.Release()
		}()
		began := time.Now()
		require.NoError(t, p.Close(t.Context()))
		require.Equal(t, time.Minute, time.Since(began))
		require.Zero(t, s.open)
	})
}

func TestCloseNamesWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 5})
		p.Track(true)
		held := must(t, p)
		permit, err := p.Take(t.Context(), 1)
		require.NoError(t, err)
		opens(t, p, 1)
		s.gate, s.closeGate, s.deaf = make(chan struct{}), make(chan struct{}), true
		other := must(t, p)
		gone, cancel := context.WithCancel(t.Context())
		get(gone, p)
		cancel()
		other.Discard()

		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errDown)
		defer cancel()
		err = p.Close(ctx)
		var left *pool.CloseError
		require.ErrorAs(t, err, &left)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errDown)
		require.True(t, left.Timeout())
		require.Len(t, left.Holders, 1)
		require.Contains(t, err.Error(), "pool: closed with 1 out, 1 taken by permits, 1 opening, 1 closing: context deadline exceeded: the server is down\n1 held for 1s by\n")
		require.Contains(t, err.Error(), "TestCloseNamesWhatIsLeft")
		require.Equal(t, []int64{1, 1, 1, 1, 0}, []int64{left.Out, left.Places, left.Opening, left.Closing, left.Tending})

		held.Release()
		permit.Release()
		close(s.gate)
		close(s.closeGate)
		ends(t, p, s)
	})
}

func TestCloseEndsAnOpenThatHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 2})
		c := get(t.Context(), p)
		require.NoError(t, p.Close(t.Context()))
		require.True(t, c.returned())
		require.ErrorIs(t, c.err, pool.ErrClosed)
		ends(t, p, s)
	})
}

func TestWhatIsOpenedAfterCloseIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{}), deaf: true}
		p := s.pool(pool.Options[*resource]{MaxOpen: 2})
		c := get(t.Context(), p)
		now, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, p.Close(now), context.Canceled)
		require.True(t, c.returned())
		s.gate <- struct{}{}
		ends(t, p, s)
		require.Equal(t, 1, s.opened)
	})
}

func TestAPoolOfNothingIsClosedAlsoWithADoneContext(t *testing.T) {
	s := &source{}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, s.pool(pool.Options[*resource]{MaxOpen: 1}).Close(ctx))
}

func TestSeveralMayWaitForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		h := must(t, p)
		errs := make(chan error, 3)
		for range 3 {
			go func() { errs <- p.Close(context.Background()) }() // ends with the release below
		}
		synctest.Wait()
		h.Release()
		for range 3 {
			require.NoError(t, <-errs)
		}
	})
}

func TestWhereTheEndAndTheContextsMeetTheEndWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			p := pool.New(pool.Options[int]{Open: number, MaxOpen: 1})
			h, err := p.Get(t.Context())
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			closed := make(chan error, 1)
			go func() { closed <- p.Close(ctx) }() // ends with ctx
			synctest.Wait()
			h.Release()
			cancel()
			require.NoError(t, <-closed)
		}
	})
}

func TestWhoWaitsForPlacesAndIsRefusedAsItGivesUpGivesNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			p := pool.New(pool.Options[int]{Open: number, MaxOpen: 1})
			h, err := p.Get(t.Context())
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			taken := make(chan error, 1)
			go func() { // ends with ctx, or the pool
				_, err := p.Take(ctx, 1)
				taken <- err
			}()
			synctest.Wait()
			cancel()
			require.Error(t, p.Close(ctx))
			require.ErrorIs(t, <-taken, context.Canceled)
			require.EqualValues(t, 1, p.Stats().InFlight)
			h.Release()
			require.NoError(t, p.Close(t.Context()))
		}
	})
}

func TestThePlacesOfAPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 3})
		opens(t, p, 3)
		_, err := p.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull, "what is idle is in the way")
		_, err = p.Take(t.Context(), 4)
		require.ErrorIs(t, err, limiter.ErrTooLarge)
		none, err := p.Take(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, limiter.Permit{}, none)

		two, err := p.Take(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, 1, s.open, "two idle ones made room")
		require.EqualValues(t, 2, p.Stats().InFlight)
		limit, remaining, _, _ := p.Quota()
		require.Equal(t, []int64{3, 0}, []int64{limit, remaining})
		held := must(t, p)
		waits := get(t.Context(), p)
		two.Settle(1) // one is not needed
		require.True(t, waits.returned())
		two.Release()
		one, err := p.TryTake(1)
		require.NoError(t, err)
		one.Release()
		held.Release()
		waits.handle.Release()
		ends(t, p, s)
	})
}

func TestNoMoreIdleOnesMakeRoomThanMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{closeGate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 3})
		opens(t, p, 3)
		granted := make(chan limiter.Permit, 1)
		go func() { // ends once one is closed
			permit, _ := p.Take(context.Background(), 1)
			granted <- permit
		}()
		synctest.Wait()
		later := get(t.Context(), p) // looks again at what the first in line needs
		require.False(t, later.returned())
		require.EqualValues(t, 2, p.Counts().Idle)
		close(s.closeGate)
		permit := <-granted
		require.True(t, later.returned())
		require.Equal(t, 3, s.opened)
		permit.Release()
		later.handle.Release()
		ends(t, p, s)
	})
}

func TestATakeOfManyPlacesIsNotStarvedBySmallOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 4})
		var held []pool.Handle[*resource]
		for range 4 {
			held = append(held, must(t, p))
		}
		granted := make(chan limiter.Permit, 1)
		go func() { // ends once all are given back
			permit, _ := p.Take(context.Background(), 4)
			granted <- permit
		}()
		synctest.Wait()
		later := get(t.Context(), p)
		_, err := p.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull)
		for i, h := range held {
			require.Empty(t, granted, "after %d", i)
			h.Release()
			require.False(t, later.returned())
		}
		permit := <-granted
		require.Zero(t, s.open)
		permit.Release()
		require.True(t, later.returned())
		later.handle.Release()
		ends(t, p, s)
	})
}

func TestAPoolIsComposedWithOtherLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool.New(pool.Options[int]{Open: number, MaxOpen: 2})
		q := pool.New(pool.Options[int]{Open: number, MaxOpen: 1})
		require.Less(t, p.Rank(), q.Rank())
		both := limiter.All(q, p)
		permit, err := both.Take(t.Context(), 1)
		require.NoError(t, err)
		_, err = both.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull)
		require.EqualValues(t, 1, p.Stats().InFlight)
		permit.Release()
		require.Zero(t, p.Stats().InFlight+q.Stats().InFlight)
	})
}
