package ctxerr_test

// This file tests that the error of a done context says both what and why.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/ctxerr"
)

var errWhy = errors.New("the disk is full")

type listError []string // its values cannot be compared

func (e listError) Error() string { return fmt.Sprint([]string(e)) }

func TestAContextThatIsNotDoneHasNoError(t *testing.T) {
	require.NoError(t, ctxerr.Of(context.Background()))
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	require.NoError(t, ctxerr.Of(ctx))
}

func TestAnErrorThatIsItsOwnCauseIsReturnedAsItIsWithoutAllocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		expired, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		require.True(t, ctxerr.Of(cancelled) == context.Canceled)
		require.True(t, ctxerr.Of(expired) == context.DeadlineExceeded)
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = ctxerr.Of(cancelled); _ = ctxerr.Of(expired) }))
	})
}

func TestAnErrorWithACauseIsBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled, cancel := context.WithCancelCause(t.Context())
		cancel(errWhy)
		err := ctxerr.Of(cancelled)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errWhy)
		require.EqualError(t, err, "context canceled: the disk is full")
		require.False(t, err.(interface{ Timeout() bool }).Timeout())

		expired, stop := context.WithTimeoutCause(t.Context(), time.Second, errWhy)
		defer stop()
		time.Sleep(time.Second)
		synctest.Wait()
		err = ctxerr.Of(expired)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errWhy)
		require.True(t, err.(interface{ Timeout() bool }).Timeout())
	})
}

func TestACauseThatCannotBeComparedIsReachedByAs(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(listError{"a", "b"})
	err := ctxerr.Of(ctx)
	require.ErrorIs(t, err, context.Canceled)
	var list listError
	require.ErrorAs(t, err, &list)
	require.Len(t, list, 2)
}

// oddContext is somebody's own context whose error cannot be compared.
type oddContext struct{ context.Context }

func (oddContext) Err() error { return listError{"odd"} }

func TestAnErrorThatCannotBeComparedDoesNotPanic(t *testing.T) {
	var list listError
	require.ErrorAs(t, ctxerr.Of(oddContext{context.Background()}), &list)
}
