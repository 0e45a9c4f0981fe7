package errgroup_test

// This file tests the calls that can be given up, and what a group says of
// itself.

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

func TestAGoContextThatGivesUpLeavesTheOthersInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: 1})
		gate := make(chan struct{})
		g.Go(func() error { <-gate; return nil })
		var order []int // guarded by the limit
		results := make([]error, 6)
		cancels := make([]context.CancelCauseFunc, 6)
		for i := range 6 {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancels[i] = cancel
			go func() {
				results[i] = g.GoContext(ctx, func(context.Context) error { order = append(order, i); return nil })
			}()
			synctest.Wait()
		}
		for _, i := range []int{3, 0, 5} { // in the middle, the first, the last
			cancels[i](errWhy)
			synctest.Wait()
			require.ErrorIs(t, results[i], context.Canceled)
			require.ErrorIs(t, results[i], errWhy)
		}
		require.EqualValues(t, 3, g.Stats().Waiting)
		close(gate)
		require.NoError(t, g.Wait())
		synctest.Wait()
		require.Equal(t, []int{1, 2, 4}, order)
		require.EqualValues(t, 3, g.Stats().Cancelled)
		for _, cancel := range cancels {
			cancel(nil)
		}
	})
}

func TestATaskOfGoContextGetsTheGroupsContext(t *testing.T) {
	type key struct{}
	g, ctx := errgroup.New(context.WithValue(t.Context(), key{}, "the group's"), errgroup.Options{})
	other := context.WithValue(t.Context(), key{}, "the call's")
	require.NoError(t, g.GoContext(other, func(given context.Context) error {
		require.Equal(t, ctx, given)
		return nil
	}))
	require.NoError(t, g.Wait())

	var zero errgroup.Group
	require.NoError(t, zero.GoContext(other, func(given context.Context) error {
		require.Equal(t, other, given)
		return nil
	}))
	require.NoError(t, zero.Wait())
}

func TestAGrantBesideACancelIsNeverBothAndNeverLost(t *testing.T) {
	for range 2000 {
		var g errgroup.Group
		g.SetLimit(1)
		gate := make(chan struct{})
		g.Go(func() error { <-gate; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		ran := false
		done := make(chan error)
		go func() { done <- g.GoContext(ctx, func(context.Context) error { ran = true; return nil }) }()
		runtime.Gosched()
		go cancel()
		close(gate)
		err := <-done
		require.NoError(t, g.Wait())
		require.Equal(t, err == nil, ran)
		require.True(t, g.TryGo(nothing), "the slot was lost")
		require.NoError(t, g.Wait())
	}
}

// slowTask is here to be named.
func slowTask() error { time.Sleep(time.Hour); return nil }

func TestAWaitThatIsGivenUpSaysWhatRunsAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, gctx := errgroup.New(t.Context(), errgroup.Options{Name: "fetch", Limit: 2, Track: true})
		g.Go(slowTask)
		time.Sleep(time.Second)
		g.Go(slowTask)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Second, errWhy)
		defer cancel()
		err := g.WaitContext(ctx)
		require.EqualError(t, err, "errgroup: fetch: 2 tasks still run (github.com/belay-go/belay/errgroup_test.slowTask for 5s, "+
			"github.com/belay-go/belay/errgroup_test.slowTask for 4s): context deadline exceeded: the disk is full")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errWhy)
		var timeout interface{ Timeout() bool }
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		require.NoError(t, gctx.Err())
		require.NoError(t, g.WaitContext(t.Context()))
		require.ErrorIs(t, gctx.Err(), context.Canceled)
		require.NoError(t, g.WaitContext(ctx), "a result that is there beats a done context")
	})
}

func TestWaitContextReturnsTheGroupsErrorToEveryWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		g.Go(func() error { time.Sleep(time.Second); return errWhy })
		var waits sync.WaitGroup
		for range 10 {
			waits.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				if err := g.WaitContext(ctx); err != errWhy {
					t.Error(err)
				}
			})
			waits.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if err := g.WaitContext(ctx); err.Error() != "errgroup: 1 task still runs: context deadline exceeded" {
					t.Error(err)
				}
			})
		}
		waits.Wait()
	})
}

func TestATrackedGroupKnowsItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: 1, Track: true, PanicsAsErrors: true, OnPanic: func(*belay.PanicError) {}})
		require.Empty(t, g.Running())
		g.Go(slowTask)
		g.Go(slowTask) // waits for an hour
		time.Sleep(time.Minute)
		require.Equal(t, []errgroup.Task{{
			Name: "github.com/belay-go/belay/errgroup_test.slowTask", Age: time.Minute, Waited: time.Hour,
		}}, g.Running())
		g.Go(func() error { return explode("why") })
		require.Error(t, g.Wait())
		require.Empty(t, g.Running())
		s := g.Stats()
		require.EqualValues(t, 2, s.Waited)
		require.Equal(t, 2*time.Hour-time.Minute, s.WaitTime.Sum)
	})
}

func TestAGroupThatIsNotTrackedKnowsOnlyNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		require.EqualValues(t, -1, g.Stats().Limit)
		g.SetLimit(1)
		g.Go(slowTask)
		require.False(t, g.TryGo(nothing))
		go g.Go(nothing)
		synctest.Wait()
		require.Nil(t, g.Running())
		require.Equal(t, belay.Stats{Limit: 1, InFlight: 1, Waiting: 1, Total: 1, Refused: 1}, g.Stats())
		require.NoError(t, g.Wait())
		require.Equal(t, belay.Stats{Limit: 1, Total: 2, Waited: 1, Refused: 1}, g.Stats())
	})
}
