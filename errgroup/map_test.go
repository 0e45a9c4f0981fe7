package errgroup_test

// This file tests Map: its results, its limit, and what ends it.

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/errgroup"
)

func numbers(n int) []int {
	items := make([]int, n)
	for i := range items {
		items[i] = i
	}
	return items
}

func TestMapReturnsTheResultsInOrder(t *testing.T) {
	inEachWay(t, 1000, func(t *testing.T, o errgroup.Options, most int) {
		var m meter
		results, err := errgroup.Map(t.Context(), o, numbers(1000), func(ctx context.Context, i int) (int, error) {
			m.enter()
			defer m.leave()
			return i * i, ctx.Err()
		})
		require.NoError(t, err)
		require.Len(t, results, 1000)
		for i, r := range results {
			require.Equal(t, i*i, r)
		}
		require.LessOrEqual(t, m.most.Load(), int64(most))
	})
}

func TestItemsOfMapThatNeedEachOtherUpToTheLimitAllRun(t *testing.T) {
	inEachWay(t, 600, func(t *testing.T, o errgroup.Options, most int) {
		met := make([]sync.WaitGroup, 600/most)
		for i := range met {
			met[i].Add(most)
		}
		_, err := errgroup.Map(t.Context(), o, numbers(len(met)*most), func(_ context.Context, i int) (int, error) {
			met[i/most].Done()
			met[i/most].Wait()
			return 0, nil
		})
		require.NoError(t, err)
	})
}

func TestAfterAFailureMapStartsNothingAndLeavesZeros(t *testing.T) {
	inEachWay(t, 200, func(t *testing.T, o errgroup.Options, _ int) {
		var m meter
		results, err := errgroup.Map(t.Context(), o, numbers(10_000), func(ctx context.Context, i int) (int, error) {
			m.enter()
			defer m.leave()
			switch {
			case i == 100:
				time.Sleep(time.Second)
				return -1, errTask
			case i > 100:
				<-ctx.Done()
				return -1, ctx.Err()
			}
			return i + 1, nil
		})
		require.Equal(t, errTask, err)
		require.Len(t, results, 10_000)
		for i, r := range results {
			want := 0
			if i < 100 {
				want = i + 1
			}
			require.Equal(t, want, r)
		}
		require.Zero(t, m.running.Load())
		if o.Limit > 0 {
			require.LessOrEqual(t, m.started.Load(), int64(100+o.Limit))
		}
	})
}

func TestACallersCancelEndsMapWithTheCauseAndKeepsWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var calls atomic.Int64
		results, err := errgroup.Map(ctx, errgroup.Options{Limit: 2}, numbers(10), func(context.Context, int) (int, error) {
			if calls.Add(1) == 4 {
				cancel(errOuter)
			}
			time.Sleep(time.Second)
			return 1, nil
		})
		require.ErrorIs(t, err, errOuter)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, []int{1, 1, 1, 1, 0, 0, 0, 0, 0, 0}, results)
		require.EqualValues(t, 4, calls.Load())
	})
}

func TestMapThatCouldStartEverythingSucceedsThoughItsContextIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results, err := errgroup.Map(ctx, errgroup.Options{Limit: 1}, numbers(3), func(_ context.Context, i int) (int, error) {
		if i == 2 {
			cancel()
		}
		return 1, nil
	})
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, results)
}

func TestMapWithADoneContextReturnsZerosAndCallsNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errOuter)
	results, err := errgroup.Map(ctx, errgroup.Options{}, numbers(3), func(context.Context, int) (int, error) { panic("called") })
	require.ErrorIs(t, err, errOuter)
	require.Equal(t, []int{0, 0, 0}, results)
}

func TestMapOfNothingIsEmpty(t *testing.T) {
	for _, o := range allOptions {
		results, err := errgroup.Map(t.Context(), o, nil, func(context.Context, int) (int, error) { return 0, errTask })
		require.NoError(t, err)
		require.Empty(t, results)
	}
}
