package ctxutil_test

// This file holds the tests of Budget: what it leaves, and what it refuses.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

func TestABudgetEndsSoThatTheReserveIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		parent, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		time.Sleep(time.Second)
		ctx, cancel, err := ctxutil.Budget(parent, 2*time.Second, time.Second)
		require.NoError(t, err)
		deadline, ok := ctx.Deadline()
		require.True(t, ok)
		require.Equal(t, began.Add(8*time.Second), deadline)
		child, release := context.WithCancel(ctx)
		defer release()
		<-child.Done()
		require.Equal(t, 8*time.Second, time.Since(began))
		require.NoError(t, parent.Err(), "nothing is left to reply in")
		want := &ctxutil.TimeoutError{Name: "budget", Limit: 7 * time.Second, Elapsed: 7 * time.Second}
		require.Equal(t, want, timeoutOf(t, ctx))
		require.Equal(t, want, timeoutOf(t, child))
		cancel()
		stop()
		require.Equal(t, want, timeoutOf(t, ctx), "a later end replaced the cause")
	})
}

func TestABudgetThatEndsOtherwiseSaysSo(t *testing.T) {
	parent, end := context.WithCancelCause(t.Context())
	parent, stop := context.WithTimeout(parent, time.Hour)
	defer stop()
	cancelled, cancel, err := ctxutil.Budget(parent, time.Second, 0)
	require.NoError(t, err)
	cancel()
	require.Equal(t, context.Canceled, cancelled.Err())
	require.Equal(t, context.Canceled, context.Cause(cancelled))
	require.NoError(t, parent.Err())

	ctx, cancel, err := ctxutil.Budget(parent, time.Second, 0)
	require.NoError(t, err)
	end(errGone)
	cancel()
	require.Equal(t, context.Canceled, ctx.Err())
	require.Equal(t, errGone, context.Cause(ctx))
}

func TestABudgetRefusesWhatCannotBeDone(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		left, reserve, least time.Duration
		usable, needed       time.Duration // of a refusal; needed is zero for none
		text                 string
	}{
		{10 * s, 2 * s, 8 * s, 0, 0, ""},
		{10 * s, 2 * s, 8*s + 1, 8 * s, 10*s + 1, "ctxutil: budget: needs 10.000000001s, 2s of it in reserve, and has 8s without that"},
		{10 * s, 10 * s, 0, 0, 10*s + 1, "ctxutil: budget: needs 10.000000001s, 10s of it in reserve, and has 0s without that"},
		{10 * s, 10*s - 1, 0, 0, 0, ""},
		{10 * s, 10*s - 1, 1, 0, 0, ""},
		{10 * s, 11 * s, -s, 0, 11*s + 1, "ctxutil: budget: needs 11.000000001s, 11s of it in reserve, and has 0s without that"},
		{10 * s, 0, 10 * s, 0, 0, ""},
		{10 * s, 0, 11 * s, 10 * s, 11 * s, "ctxutil: budget: needs 11s, the deadline is in 10s"},
		{10 * s, -s, 10*s + 1, 10 * s, 10*s + 1, "ctxutil: budget: needs 10.000000001s, the deadline is in 10s"},
		{10 * s, math.MinInt64, math.MinInt64, 0, 0, ""},
		{10 * s, math.MaxInt64, 0, 0, math.MaxInt64, ""},
		{10 * s, math.MaxInt64, math.MaxInt64, 0, math.MaxInt64, ""},
		{10 * s, 1, math.MaxInt64, 10*s - 1, math.MaxInt64, ""},
		{math.MaxInt64, 0, math.MaxInt64 - s, 0, 0, ""},
		{math.MaxInt64, s, s, 0, 0, ""},
		{math.MaxInt64, math.MaxInt64, 1, 0, math.MaxInt64, ""},
	} {
		t.Run(fmt.Sprint(test.left, " ", test.reserve, " ", test.least), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, stop := context.WithTimeout(t.Context(), test.left)
				defer stop()
				ctx, cancel, err := ctxutil.Budget(parent, test.reserve, test.least)
				defer cancel()
				if test.needed == 0 {
					require.NoError(t, err)
					require.NoError(t, ctx.Err())
					return
				}
				require.ErrorIs(t, err, context.DeadlineExceeded)
				var timeout *ctxutil.TimeoutError
				require.ErrorAs(t, err, &timeout)
				require.Equal(t, "budget", timeout.Name)
				require.Equal(t, test.usable, timeout.Limit)
				require.Equal(t, test.needed, timeout.RetryAfter)
				require.Zero(t, timeout.Elapsed)
				if test.text != "" {
					require.EqualError(t, err, test.text)
				}
				refused(t, parent, ctx, cancel)

				if test.needed < math.MaxInt64 { // exactly as far as it says
					enough, stop := context.WithTimeout(t.Context(), test.needed)
					defer stop()
					_, cancel, err = ctxutil.Budget(enough, test.reserve, test.least)
					require.NoError(t, err)
					cancel()
					short, stop := context.WithTimeout(t.Context(), test.needed-1)
					defer stop()
					_, _, err = ctxutil.Budget(short, test.reserve, test.least)
					require.Error(t, err)
				}
			})
		})
	}
}

// refused checks what comes with an error: the parent itself, and a cancel that
// does it no harm.
func refused(t *testing.T, parent, ctx context.Context, cancel context.CancelFunc) {
	t.Helper()
	require.Equal(t, parent, ctx)
	before := parent.Err()
	require.NotNil(t, cancel)
	cancel()
	cancel()
	require.Equal(t, before, parent.Err())
}

func TestABudgetOfADoneContextIsRefusedWithItsEnd(t *testing.T) {
	plain, cancel := context.WithCancel(t.Context())
	cancel()
	_, none, err := ctxutil.Budget(plain, 0, 0)
	none()
	require.True(t, err == context.Canceled, "not the very error")

	caused, end := context.WithCancelCause(t.Context())
	caused, stop := context.WithTimeout(caused, time.Hour)
	defer stop()
	end(errGone)
	for _, reserve := range []time.Duration{0, time.Second, 2 * time.Hour} { // done comes before too little
		ctx, cancel, err := ctxutil.Budget(caused, reserve, time.Second)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errGone)
		refused(t, caused, ctx, cancel)
	}

	expired, stop := ctxutil.ShrinkNamed(t.Context(), "request", 0)
	defer stop()
	_, none, err = ctxutil.Budget(expired, 0, 0)
	none()
	var timeout *ctxutil.TimeoutError
	require.ErrorAs(t, err, &timeout)
	require.Equal(t, "request", timeout.Name)

	late := lateContext{t.Context(), time.Now().Add(-time.Second)}
	ctx, cancel, err := ctxutil.Budget(late, 0, 0)
	require.Equal(t, &ctxutil.TimeoutError{Name: "budget", RetryAfter: 1}, err, "past its deadline without knowing it")
	refused(t, late, ctx, cancel)
}

func TestWithoutADeadlineABudgetIsAChild(t *testing.T) {
	parent, end := context.WithCancelCause(t.Context())
	ctx, cancel, err := ctxutil.Budget(parent, time.Hour, math.MaxInt64)
	require.NoError(t, err)
	_, ok := ctx.Deadline()
	require.False(t, ok)
	cancel()
	require.Equal(t, context.Canceled, ctx.Err())
	require.NoError(t, parent.Err())

	ctx, cancel, err = ctxutil.Budget(parent, time.Hour, time.Hour)
	require.NoError(t, err)
	defer cancel()
	end(errGone)
	require.Equal(t, errGone, context.Cause(ctx))
}

func TestABudgetWithoutAReserveHasNoTimerOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithTimeoutCause(t.Context(), time.Second, errGone)
		defer stop()
		ctx, cancel, err := ctxutil.Budget(parent, 0, time.Second)
		require.NoError(t, err)
		defer cancel()
		require.Equal(t, fmt.Sprint(parent, ".WithCancel"), fmt.Sprint(ctx))
		<-ctx.Done()
		require.Equal(t, context.DeadlineExceeded, ctx.Err())
		require.True(t, errors.Is(context.Cause(ctx), errGone), "the layer that ended it is the parent")
	})
}

func TestBudgetOfANilContextPanics(t *testing.T) {
	var none context.Context
	require.PanicsWithValue(t, "ctxutil: Budget of a nil context", func() { _, _, _ = ctxutil.Budget(none, 0, 0) })
}
