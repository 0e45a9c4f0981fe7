package pool_test

// This file tests Get: what it lends, in what order, and what becomes of an Open
// whose caller has left.

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/pool"
)

func TestTheLastGivenBackIsLentFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 3})
		opens(t, p, 3)
		h := must(t, p)
		require.Equal(t, 3, h.Value().id)
		h.Release()
		h = must(t, p)
		require.Equal(t, 3, h.Value().id)
		h.Release()
		ends(t, p, s)
	})
}

func TestTheOldestIsLentFirstWhereThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 3, OldestFirst: true})
		opens(t, p, 3)
		for _, id := range []int{1, 2, 3, 1, 2} {
			h := must(t, p)
			require.Equal(t, id, h.Value().id)
			h.Release()
		}
		ends(t, p, s)
	})
}

func TestThoseWhoWaitAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, WaitTime: true})
		held := must(t, p)
		var calls []*call
		for range 100 {
			calls = append(calls, get(t.Context(), p))
		}
		require.EqualValues(t, 100, p.Stats().Waiting)
		time.Sleep(time.Second)
		for i, c := range calls {
			require.False(t, c.returned())
			held.Release()
			require.True(t, c.returned(), "call %d", i)
			held = c.handle
		}
		held.Release()
		stats := p.Stats()
		require.EqualValues(t, 101, stats.Waited, "the first waited for its Open")
		require.EqualValues(t, 101, stats.Total)
		require.Equal(t, 100*time.Second, stats.WaitTime.Sum)
		require.Equal(t, 1, s.opened)
		ends(t, p, s)
	})
}

func TestWhoGivesUpInTheLineLetsTheNextGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		held := must(t, p)
		ctx, cancel := context.WithCancelCause(t.Context())
		first, second := get(ctx, p), get(t.Context(), p)
		cancel(errDown)
		require.True(t, first.returned())
		require.ErrorIs(t, first.err, context.Canceled)
		require.ErrorIs(t, first.err, errDown)
		held.Release()
		require.True(t, second.returned())
		second.handle.Release()
		require.EqualValues(t, 1, p.Stats().Cancelled)
		ends(t, p, s)
	})
}

func TestAContextThatEndedBeforeTheGrantWinsAndTheNextHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		for range 50 {
			held := must(t, p)
			ctx, cancel := context.WithCancel(t.Context())
			first, second := get(ctx, p), get(t.Context(), p)
			cancel()
			held.Release()
			require.True(t, first.returned())
			require.True(t, first.err == context.Canceled)
			require.True(t, second.returned())
			require.NoError(t, second.err)
			second.handle.Release()
		}
		ends(t, p, s)
	})
}

func TestAnOpenOutlivesItsCallerAndServesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "the first"))
		first := get(ctx, p)
		second := get(t.Context(), p)
		cancel()
		require.True(t, first.returned())
		require.ErrorIs(t, first.err, context.Canceled)
		require.EqualValues(t, 1, p.Counts().Opening, "it is counted")
		s.gate <- struct{}{}
		require.True(t, second.returned())
		require.NoError(t, second.err)
		require.Equal(t, []any{"the first"}, s.values, "it was begun once")
		second.handle.Release()
		ends(t, p, s)
	})
}

func TestAnOpenOutlivesItsCallerAndIsIdleIfNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.Get(ctx)
		require.True(t, err == context.DeadlineExceeded)
		s.gate <- struct{}{}
		synctest.Wait()
		require.Equal(t, pool.Counts{Open: 1, Idle: 1, Opened: 1}, p.Counts())
		ends(t, p, s)
	})
}

func TestAFailedOpenIsToldToItsCallerAndTheNextHasItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{}), err: errDown}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		first, second, third := get(t.Context(), p), get(t.Context(), p), get(t.Context(), p)
		s.gate <- struct{}{}
		require.True(t, first.returned())
		require.True(t, first.err == errDown)
		require.False(t, second.returned())
		s.gate <- struct{}{}
		require.True(t, second.returned())
		require.True(t, second.err == errDown)
		s.fail(nil)
		s.gate <- struct{}{}
		require.True(t, third.returned())
		require.NoError(t, third.err)
		require.EqualValues(t, 2, p.Stats().Failed)
		third.handle.Release()
		ends(t, p, s)
	})
}

func TestAFailedOpenWhoseCallerLeftIsNotTheNextOnesError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{}), err: errDown}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		ctx, cancel := context.WithCancel(t.Context())
		first, second := get(ctx, p), get(t.Context(), p)
		cancel()
		require.True(t, first.returned())
		s.gate <- struct{}{}
		require.False(t, second.returned(), "it has another begun for itself")
		s.fail(nil)
		s.gate <- struct{}{}
		require.True(t, second.returned())
		require.NoError(t, second.err)
		second.handle.Release()
		ends(t, p, s)
	})
}

func TestWhatIsGivenBackServesOneWhoseOpenHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 2})
		held := must(t, p)
		s.gate = make(chan struct{})
		second := get(t.Context(), p)
		third := get(t.Context(), p)
		held.Release()
		require.True(t, second.returned())
		require.Equal(t, 1, second.handle.Value().id)
		s.gate <- struct{}{}
		require.True(t, third.returned())
		second.handle.Release()
		third.handle.Release()
		ends(t, p, s)
	})
}

func TestNoMoreAreOpenedThanAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 10})
		for range 20 { // each leaves an Open, of which the next has use
			ctx, cancel := context.WithCancel(t.Context())
			c := get(ctx, p)
			cancel()
			require.True(t, c.returned())
		}
		require.EqualValues(t, 1, p.Counts().Opening)
		a, b := get(t.Context(), p), get(t.Context(), p)
		require.EqualValues(t, 2, p.Counts().Opening)
		close(s.gate)
		require.True(t, a.returned() && b.returned())
		a.handle.Release()
		b.handle.Release()
		ends(t, p, s)
	})
}

func TestAPanicOfOpenIsItsCallersAndTheNextIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{}), panics: errBroken}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		first, second := get(t.Context(), p), get(t.Context(), p)
		s.gate <- struct{}{}
		require.True(t, first.returned())
		caught, is := first.panic.(*belay.PanicError)
		require.True(t, is)
		require.ErrorIs(t, caught, errBroken)
		require.Contains(t, string(caught.Stack), "fakes_test.go")
		s.mu.Lock()
		s.panics = nil
		s.mu.Unlock()
		s.gate <- struct{}{}
		require.True(t, second.returned())
		require.NoError(t, second.err)
		require.EqualValues(t, 1, p.Stats().Panicked)
		second.handle.Release()
		ends(t, p, s)
	})
}

func TestAnOpenThatExitsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool.New(pool.Options[int]{MaxOpen: 1, Open: func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }})
		_, err := p.Get(t.Context())
		require.ErrorIs(t, err, belay.ErrGoexit)
		require.NoError(t, p.Close(t.Context()))
	})
}

func TestAnOpenThatHangsIsEndedByItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, Timeout: 5 * time.Second})
		began := time.Now()
		_, err := p.Get(t.Context())
		var timeout *ctxutil.TimeoutError
		require.ErrorAs(t, err, &timeout)
		require.Equal(t, "pool: open", timeout.Name)
		require.Equal(t, 5*time.Second, time.Since(began))
		require.NoError(t, p.Close(t.Context()))
	})
}

func TestAHangingOpenKeepsItsPlaceAndNobodyWithAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{}), deaf: true}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			_, err := p.Get(ctx)
			require.True(t, err == context.DeadlineExceeded)
			cancel()
		}
		require.EqualValues(t, 1, p.Counts().Opening)
		s.gate <- struct{}{}
		synctest.Wait()
		ends(t, p, s)
	})
}

func TestAHangingCloseKeepsItsPlaceAndNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{closeGate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 2})
		must(t, p).Discard()
		synctest.Wait()
		require.EqualValues(t, 1, p.Counts().Closing)
		held := must(t, p)
		waits := get(t.Context(), p)
		require.False(t, waits.returned(), "two exist")
		s.closeGate <- struct{}{}
		require.True(t, waits.returned())
		require.Equal(t, 2, s.most)
		held.Release()
		waits.handle.Release()
		close(s.closeGate)
		ends(t, p, s)
	})
}

func TestTheLineIsAsLongAsItMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{gate: make(chan struct{})}
		p := s.pool(pool.Options[*resource]{MaxOpen: 2, Queue: 1})
		a, b := get(t.Context(), p), get(t.Context(), p)
		require.False(t, a.returned() || b.returned(), "they wait for an Open, which does not count")
		c := get(t.Context(), p)
		_, err := p.Get(t.Context())
		var refused *limiter.RefusedError
		require.True(t, errors.As(err, &refused) && refused.NoWait)
		require.ErrorIs(t, err, limiter.ErrFull)
		close(s.gate)
		require.True(t, a.returned() && b.returned())
		a.handle.Release()
		require.True(t, c.returned())
		b.handle.Release()
		c.handle.Release()
		ends(t, p, s)
	})
}

func TestWithoutALineGetOpensAndDoesNotWaitForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 1, Queue: -1})
		held := must(t, p)
		_, err := p.Get(t.Context())
		require.ErrorIs(t, err, limiter.ErrFull)
		require.EqualValues(t, 1, p.Stats().Refused)
		held.Release()
		must(t, p).Release()
		ends(t, p, s)
	})
}

func TestNoMoreAreIdleThanMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		p := s.pool(pool.Options[*resource]{MaxOpen: 5, MaxIdle: 2})
		opens(t, p, 5)
		require.EqualValues(t, 2, p.Counts().Idle)
		require.Equal(t, 2, s.open)
		h := must(t, p)
		require.Equal(t, 5, h.Value().id, "those idle for longest went")
		h.Release()
		ends(t, p, s)

		none := s.pool(pool.Options[*resource]{MaxOpen: 5, MaxIdle: -1})
		opens(t, none, 5)
		require.Zero(t, none.Counts().Open)
		ends(t, none, s)
	})
}
