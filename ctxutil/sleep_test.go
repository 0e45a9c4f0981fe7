package ctxutil_test

// This file holds the tests of Sleep: what ends it, and what wins where two
// things end it at once.

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

func TestASleepLastsAsLongAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, d := range []time.Duration{1, time.Second, 24 * time.Hour} {
			began := time.Now()
			require.NoError(t, ctxutil.Sleep(t.Context(), d))
			require.Equal(t, d, time.Since(began))
		}
	})
}

func TestASleepOfNoTimeOnlyLooksAtTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		done, cancel := context.WithCancel(t.Context())
		cancel()
		for _, d := range []time.Duration{0, -1, math.MinInt64} {
			require.NoError(t, ctxutil.Sleep(t.Context(), d))
			require.Equal(t, context.Canceled, ctxutil.Sleep(done, d))
		}
		require.Zero(t, time.Since(began))
	})
}

func TestASleepEndsWithItsContextAndSaysWhy(t *testing.T) {
	why := errors.New("shutting down")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		began := time.Now()
		time.AfterFunc(time.Second, func() { cancel(why) })
		err := ctxutil.Sleep(ctx, time.Hour)
		require.Equal(t, time.Second, time.Since(began))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, why)

		err = ctxutil.Sleep(ctx, 0)
		require.ErrorIs(t, err, why, "done before the sleep")
	})
}

func TestASleepUnderAShrunkContextNamesTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := ctxutil.ShrinkNamed(t.Context(), "retries", time.Second)
		defer cancel()
		<-ctx.Done()
		err := ctxutil.Sleep(ctx, time.Minute)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var timeout *ctxutil.TimeoutError
		require.ErrorAs(t, err, &timeout)
		require.Equal(t, "retries", timeout.Name)
		require.EqualError(t, err, "context deadline exceeded: ctxutil: retries: timed out after 1s, limit 1s")
	})
}

func TestASleepThatCannotEndInTimeDoesNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		for _, d := range []time.Duration{2*time.Second + 1, time.Hour, math.MaxInt64} {
			err := ctxutil.Sleep(ctx, d)
			require.Equal(t, &ctxutil.TimeoutError{Name: "sleep", Limit: 2 * time.Second, RetryAfter: d}, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Zero(t, time.Since(began))
		require.NoError(t, ctx.Err(), "the context has time left")

		late := lateContext{t.Context(), time.Now().Add(-time.Second)}
		require.Equal(t, &ctxutil.TimeoutError{Name: "sleep", RetryAfter: 1}, ctxutil.Sleep(late, 1), "nothing was left")
	})
}

func TestASleepThatEndsWithItsContextHasBeenSlept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 1000 {
			// The same instant, by the deadline and by a cancel.
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.NoError(t, ctxutil.Sleep(ctx, time.Second))
			cancel()

			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			require.NoError(t, ctxutil.Sleep(ctx, time.Second))
			cancel()
		}
	})
}

func TestTheLongestSleepIsOnlyEndedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1} {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(365*24*time.Hour, cancel)
			require.Equal(t, context.Canceled, ctxutil.Sleep(ctx, d))
		}
	})
}

func TestManySleepersGiveUpAndNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(t.Context())
		for range 1000 {
			go func() { _ = ctxutil.Sleep(ctx, time.Hour) }() // ends with ctx
		}
		synctest.Wait()
		const strangers = 100 // that are none of ours
		require.Less(t, runtime.NumGoroutine(), before+1000+strangers, "more than one goroutine each, the caller's")
		cancel()
		synctest.Wait()
		require.Less(t, runtime.NumGoroutine(), before+strangers)
	})
}

func TestASleepThatDoesNotBeginAllocatesNothing(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = ctxutil.Sleep(done, time.Hour) }), "done")
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = ctxutil.Sleep(context.Background(), 0) }), "no time")
}

func TestASleepWithANilContextPanics(t *testing.T) {
	var none context.Context
	require.PanicsWithValue(t, "ctxutil: Sleep with a nil context", func() { _ = ctxutil.Sleep(none, 0) })
}

func TestTheSameCallsWorkInABubbleOutsideAndInTheNext(t *testing.T) {
	use := func(t *testing.T) {
		ctx, cancel := ctxutil.Shrink(t.Context(), time.Nanosecond)
		defer cancel()
		<-ctx.Done()
		require.Error(t, ctxutil.Sleep(ctx, time.Second))
		require.NoError(t, ctxutil.Sleep(t.Context(), 1))

		budget, cancel, err := ctxutil.Budget(t.Context(), time.Second, time.Second)
		require.NoError(t, err)
		defer cancel()
		finishing, cancel := ctxutil.Detach(ctx, time.Nanosecond)
		defer cancel()
		merged, cancel := ctxutil.Merge(budget, finishing)
		defer cancel()
		<-merged.Done()
		require.NotEmpty(t, ctxutil.Why(merged))
	}
	synctest.Test(t, use)
	use(t)
	synctest.Test(t, use)
}
