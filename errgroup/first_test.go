package errgroup_test

// This file tests First: who wins, who loses, and what is known of the losers.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

type attempt = func(context.Context) (string, error)

// after answers when d has passed, or fails with the context.
func after(d time.Duration, answer string, err error) attempt {
	return func(ctx context.Context) (string, error) {
		select {
		case <-time.After(d):
			return answer, err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func TestTheFirstSuccessWinsAndTheLosersAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var cause error
		answer, err := errgroup.First(t.Context(), errgroup.Options{},
			after(time.Hour, "slow", nil),
			after(time.Second, "", errTask),
			after(2*time.Second, "fast", nil),
			func(ctx context.Context) (string, error) {
				<-ctx.Done()
				time.Sleep(time.Second)
				cause = context.Cause(ctx)
				return "late", nil
			})
		require.NoError(t, err)
		require.Equal(t, "fast", answer)
		require.Equal(t, context.Canceled, cause)
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestTheLimitHoldsForFirst(t *testing.T) {
	for limit, want := range map[int]time.Duration{1: 6 * time.Second, 2: 4 * time.Second, 3: 3 * time.Second, 0: 3 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			answer, err := errgroup.First(t.Context(), errgroup.Options{Limit: limit},
				after(time.Second, "", errTask), after(2*time.Second, "", errTask), after(3*time.Second, "third", nil),
				after(time.Hour, "fourth", nil))
			require.NoError(t, err)
			require.Equal(t, "third", answer)
			require.Equal(t, want, time.Since(began), "limit %d", limit)
		})
	}
}

func TestNothingIsStartedAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer, err := errgroup.First(t.Context(), errgroup.Options{Limit: 1},
			after(time.Second, "first", nil),
			func(context.Context) (string, error) { panic("started") })
		require.NoError(t, err)
		require.Equal(t, "first", answer)
	})
}

func TestIfAllFailTheErrorIsAllOfThem(t *testing.T) {
	other := errors.New("other")
	_, err := errgroup.First(t.Context(), errgroup.Options{Limit: 1}, after(0, "", errTask), after(0, "", other))
	require.ErrorIs(t, err, errTask)
	require.ErrorIs(t, err, other)
	require.EqualError(t, err, "errgroup: all 2 failed: task failed; other")

	_, err = errgroup.First(t.Context(), errgroup.Options{}, after(0, "", errTask))
	require.Equal(t, errTask, err, "a single error is returned as it is")
}

func TestTheErrorOfManyFailuresIsBounded(t *testing.T) {
	var fs []attempt
	for i := range 20 {
		fs = append(fs, after(0, "", fmt.Errorf("replica %d", i)))
	}
	_, err := errgroup.First(t.Context(), errgroup.Options{Limit: 1}, fs...)
	require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 8)
	require.Contains(t, err.Error(), "errgroup: all 20 failed: replica 0; ")
	require.Contains(t, err.Error(), "replica 7; and 12 more")

	_, err = errgroup.First(t.Context(), errgroup.Options{Limit: 1, Errors: 2}, fs...)
	require.EqualError(t, err, "errgroup: all 20 failed: replica 0; replica 1; and 18 more")
}

func TestAGoexitIsTheFailureOfItsFuncAlone(t *testing.T) {
	goexit := func(context.Context) (string, error) { runtime.Goexit(); return "", nil }
	answer, err := errgroup.First(t.Context(), errgroup.Options{Limit: 1}, goexit, after(0, "second", nil))
	require.NoError(t, err)
	require.Equal(t, "second", answer)

	_, err = errgroup.First(t.Context(), errgroup.Options{Limit: 1}, after(0, "", errTask), goexit, goexit)
	require.ErrorIs(t, err, belay.ErrGoexit)
	require.ErrorIs(t, err, errTask)
	require.Contains(t, err.Error(), "all 3 failed")

	_, err = errgroup.First(t.Context(), errgroup.Options{}, goexit)
	require.Equal(t, belay.ErrGoexit, err)
}

func TestACallersCancelEndsFirstWithTheCause(t *testing.T) {
	for _, limit := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errOuter)
			defer cancel()
			_, err := errgroup.First(ctx, errgroup.Options{Limit: limit},
				after(0, "", errTask), after(time.Hour, "", nil), after(time.Hour, "", nil))
			require.ErrorIs(t, err, errOuter)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, errTask)
		})
	}
}

func TestFailuresThatCameBeforeTheCancelAreTheError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := errgroup.First(ctx, errgroup.Options{Limit: 1},
		after(0, "", errTask), func(context.Context) (string, error) { defer cancel(); return "", errOuter })
	require.Equal(t, context.Canceled, err, "the cancel came before the last failure")

	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	_, err = errgroup.First(ctx, errgroup.Options{}, after(0, "", errTask), after(0, "", errTask))
	require.ErrorIs(t, err, errTask)
}

// endsWhenAsked is a context that ends right after somebody has seen it alive,
// once it is armed.
type endsWhenAsked struct {
	context.Context
	armed, ended bool
}

func (c *endsWhenAsked) Err() error {
	if c.ended {
		return context.Canceled
	}
	c.ended = c.armed
	return nil
}

func TestACancelThatComesAfterTheLastFailureChangesNothing(t *testing.T) {
	ctx := &endsWhenAsked{Context: context.Background()}
	_, err := errgroup.First(ctx, errgroup.Options{}, func(context.Context) (int, error) { ctx.armed = true; return 0, errTask })
	require.Equal(t, errTask, err)
	require.True(t, ctx.ended)
}

func TestASuccessBeatsADoneContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer, err := errgroup.First(ctx, errgroup.Options{}, func(context.Context) (string, error) { cancel(); return "there", nil })
	require.NoError(t, err)
	require.Equal(t, "there", answer)
}

func TestFirstWithADoneContextCallsNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errOuter)
	_, err := errgroup.First(ctx, errgroup.Options{}, func(context.Context) (int, error) { panic("called") })
	require.ErrorIs(t, err, errOuter)
}

func TestTheContextOfFirstsFuncsIsCancelledWhenItHasReturned(t *testing.T) {
	var inner context.Context
	_, err := errgroup.First(t.Context(), errgroup.Options{}, func(ctx context.Context) (int, error) { inner = ctx; return 0, errTask })
	require.Equal(t, errTask, err)
	require.Equal(t, context.Canceled, context.Cause(inner))
}
