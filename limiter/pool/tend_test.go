package pool_test

// This file tests what becomes of resources with time: lifetimes, checks, and the
// upkeep of what is idle.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/limiter/pool"
)

func TestALifetimeHoldsAlsoOnAPoolThatIsNeverIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, MaxLifetime: time.Minute, Jitter: -1})
		h := must(t, p)
		for range 10 {
			next := get(t.Context(), p) // there is always one who waits
			time.Sleep(20 * time.Second)
			h.Release()
			require.True(t, next.returned())
			h = next.handle
		}
		require.Equal(t, 4, s.opened)
		require.EqualValues(t, 3, p.Counts().Expired)
		require.Equal(t, 1, s.most)
		h.Release()
		ends(t, p, s)
	})
}

func TestALifetimeThatEndsInIdleTimeIsSeenByGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, MaxLifetime: time.Minute, Jitter: -1})
		opens(t, p, 1)
		time.Sleep(time.Minute - 1)
		h := must(t, p)
		require.Equal(t, 1, h.Value().id)
		h.Release()
		time.Sleep(1)
		h = must(t, p)
		require.Equal(t, 2, h.Value().id)
		h.Release()
		ends(t, p, s)
	})
}

// Else all that were opened by one burst are opened again by another.
func TestLifetimesAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1000, MaxLifetime: 100 * time.Minute})
		opens(t, p, 1000)
		time.Sleep(90*time.Minute - 1)
		require.NoError(t, p.Tend(t.Context()))
		require.EqualValues(t, 1000, p.Counts().Idle, "none ends before its time less a tenth")
		before := int64(1000)
		for range 10 {
			time.Sleep(time.Minute)
			require.NoError(t, p.Tend(t.Context()))
			idle := p.Counts().Idle
			require.InDelta(t, 100, before-idle, 60)
			before = idle
		}
		time.Sleep(1)
		require.NoError(t, p.Tend(t.Context()))
		require.Zero(t, p.Counts().Idle)
		ends(t, p, s)
	})
}

// With the last given back lent first, those at the bottom are never seen by Get.
func TestWhatIsIdleForTooLongIsClosedWhileOthersAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 5, MaxIdleTime: time.Minute, TendEvery: 10 * time.Second})
		opens(t, p, 5)
		for range 8 {
			time.Sleep(10 * time.Second)
			h := must(t, p)
			require.Equal(t, 5, h.Value().id)
			h.Release()
			synctest.Wait()
		}
		require.Equal(t, pool.Counts{Open: 1, Idle: 1, Opened: 5, Closed: 4, Expired: 4}, p.Counts())
		ends(t, p, s)
	})
}

func TestAPoolThatNobodyCallsDoesNothingUntilTend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 5, MaxIdleTime: time.Minute})
		opens(t, p, 5)
		time.Sleep(time.Hour)
		require.Equal(t, 5, s.open)
		require.NoError(t, p.Tend(t.Context()))
		synctest.Wait()
		require.Zero(t, s.open)
		ends(t, p, s)
	})
}

func TestWhatWasIdleIsCheckedBeforeItIsLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 2, Check: check, TendEvery: -1})
		opens(t, p, 1)
		time.Sleep(time.Second - 1)
		h := must(t, p)
		require.Zero(t, h.Value().checks, "it was in use a moment ago")
		h.Release()
		time.Sleep(time.Second)
		h = must(t, p)
		require.Equal(t, 1, h.Value().checks)
		h.Value().broken = true
		h.Release()
		time.Sleep(time.Second)
		h = must(t, p)
		require.Equal(t, 2, h.Value().id)
		h.Release()
		require.EqualValues(t, 1, p.Counts().Unhealthy)
		ends(t, p, s)
	})
}

func TestEveryUseIsCheckedWhereThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, Check: check, CheckAfter: -1})
		for i := range 3 {
			h := must(t, p)
			require.Equal(t, i, h.Value().checks, "what was just opened is not checked")
			h.Release()
		}
		ends(t, p, s)
	})
}

// A server that accepts and answers nothing good: each call opens one and is lent
// that. In a bubble no time passes between an Open and its caller; here it does.
func TestAServerWithoutGoodAnswersIsNotDialledInALoop(t *testing.T) {
	for _, after := range []time.Duration{-1, 1} {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, CheckAfter: after, Check: func(context.Context, *resource) error {
			return errBroken
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for i := range 10 {
			h, err := p.Get(ctx)
			require.NoError(t, err)
			require.Equal(t, i+1, h.Value().id, "one Open for each call")
			h.Release()
		}
		ends(t, p, s)
		require.EqualValues(t, 9, p.Counts().Unhealthy)
	}
}

func TestWhoGetsABrokenOneKeepsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		checking := make(chan struct{})
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, CheckAfter: time.Second, TendEvery: -1, Check: func(ctx context.Context, r *resource) error {
			<-checking
			return errBroken
		}})
		opens(t, p, 1)
		time.Sleep(time.Second)
		first, second := get(t.Context(), p), get(t.Context(), p)
		checking <- struct{}{}
		require.True(t, first.returned())
		require.False(t, second.returned())
		require.Equal(t, 2, first.handle.Value().id)
		first.handle.Release()
		require.True(t, second.returned())
		second.handle.Release()
		ends(t, p, s)
	})
}

func TestAfterOneIsBrokenTheOthersAreChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 3, Check: check})
		opens(t, p, 3)
		must(t, p).Discard()
		h := must(t, p)
		require.Equal(t, 1, h.Value().checks)
		h.Release()
		time.Sleep(1)
		h = must(t, p)
		require.Equal(t, 1, h.Value().checks, "once")
		h.Release()
		ends(t, p, s)
	})
}

func TestAGetGoesThroughTheBrokenOnesAndThenItsOpenDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 3, TendEvery: -1, Check: func(context.Context, *resource) error { return errBroken }})
		opens(t, p, 3)
		time.Sleep(time.Minute)
		s.fail(errDown)
		_, err := p.Get(t.Context())
		require.True(t, err == errDown)
		require.EqualValues(t, 3, p.Counts().Unhealthy)
		require.EqualValues(t, 1, p.Stats().Failed)
		require.Zero(t, p.Stats().InFlight)
		s.fail(nil)
		must(t, p).Release()
		ends(t, p, s)
	})
}

func TestACheckThatIsCutShortHasTheResourceClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, TendEvery: -1, Check: func(ctx context.Context, _ *resource) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		opens(t, p, 1)
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errDown)
		defer cancel()
		_, err := p.Get(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errDown)
		synctest.Wait()
		require.Zero(t, s.open)
		require.EqualValues(t, 1, p.Stats().Cancelled)
		ends(t, p, s)
	})
}

func TestAPanicOfCheckPassesThroughGetAndTendAndTheResourceIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, TendEvery: -1, Check: func(context.Context, *resource) error { panic("oh") }})
		for _, f := range []func(){func() { _, _ = p.Get(context.Background()) }, func() { _ = p.Tend(context.Background()) }} {
			opens(t, p, 1)
			time.Sleep(time.Minute)
			require.PanicsWithValue(t, "oh", f)
			synctest.Wait()
			require.Zero(t, s.open)
			require.Zero(t, p.Stats().InFlight)
		}
		ends(t, p, s)
	})
}

func TestCallsHaveWhatIsIdleChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 4, Check: check, TendEvery: time.Minute})
		a, b, c, d := must(t, p), must(t, p), must(t, p), must(t, p)
		b.Value().broken = true
		for _, h := range []pool.Handle[*resource]{a, b, c, d} {
			h.Release()
		}
		time.Sleep(time.Minute)
		d = must(t, p) // the last, as ever
		synctest.Wait()
		require.Equal(t, pool.Counts{Open: 3, Idle: 2, Opened: 4, Closed: 1, Unhealthy: 1}, p.Counts())
		x, y := must(t, p), must(t, p)
		require.ElementsMatch(t, []int{1, 3}, []int{x.Value().id, y.Value().id})
		require.GreaterOrEqual(t, x.Value().checks, 1, "before, in idle time")
		for _, h := range []pool.Handle[*resource]{x, y, d} {
			h.Release()
		}
		ends(t, p, s)
	})
}

func TestACheckLeavesWhatIsIdleInItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 4, Check: check, OldestFirst: true})
		var handles []pool.Handle[*resource]
		for range 4 {
			handles = append(handles, must(t, p))
		}
		for _, h := range handles {
			time.Sleep(time.Second)
			h.Release()
		}
		require.NoError(t, p.Tend(t.Context()), "three of them")
		time.Sleep(time.Second)
		require.NoError(t, p.Tend(t.Context()), "all")
		for i := range 4 {
			h := must(t, p)
			require.Equal(t, i+1, h.Value().id)
			require.Equal(t, []int{2, 2, 2, 1}[i], h.Value().checks)
			h.Release()
		}
		ends(t, p, s)
	})
}

func TestWhileOneIsCheckedTheOthersAreLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		checking := make(chan struct{})
		p := s.pool(pool.Options[*resource]{MaxOpen: 2, CheckAfter: time.Minute, Check: func(ctx context.Context, r *resource) error {
			<-checking
			return nil
		}})
		opens(t, p, 2)
		time.Sleep(time.Minute)
		tended := make(chan error, 1)
		go func() { tended <- p.Tend(context.Background()) }() // ends with both checks
		synctest.Wait()
		require.EqualValues(t, 2, p.Counts().Open)
		require.EqualValues(t, 1, p.Counts().Idle)
		a, b := get(t.Context(), p), get(t.Context(), p)
		require.False(t, a.returned(), "checks it itself")
		checking <- struct{}{}
		checking <- struct{}{}
		require.True(t, a.returned() && b.returned())
		require.NoError(t, <-tended)
		a.handle.Release()
		b.handle.Release()
		ends(t, p, s)
	})
}

func TestACheckInIdleTimeIsBoundedAndEndsWithClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		causes := make(chan error, 1)
		p := s.pool(pool.Options[*resource]{MaxOpen: 2, TendEvery: time.Hour, Check: func(ctx context.Context, r *resource) error {
			if r.id%2 == 0 {
				return nil
			}
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		}})
		opens(t, p, 2)
		time.Sleep(time.Hour)
		must(t, p).Release() // the second; the first is checked beside it
		time.Sleep(time.Minute)
		var timeout *ctxutil.TimeoutError
		require.ErrorAs(t, <-causes, &timeout)
		require.Equal(t, "pool: check", timeout.Name)
		synctest.Wait()
		require.Equal(t, pool.Counts{Open: 1, Idle: 1, Opened: 2, Closed: 1, Unhealthy: 1}, p.Counts())

		second, third := must(t, p), must(t, p)
		third.Release()
		second.Release()
		time.Sleep(time.Hour)
		must(t, p).Release()
		synctest.Wait()
		now, cancel := context.WithCancel(t.Context())
		cancel()
		var left *pool.CloseError
		require.ErrorAs(t, p.Close(now), &left)
		require.EqualValues(t, 1, left.Tending)
		require.Contains(t, left.Error(), "1 in a check")
		require.NoError(t, p.Close(t.Context()))
		require.ErrorIs(t, <-causes, pool.ErrClosed)
		require.Zero(t, s.open)
	})
}
