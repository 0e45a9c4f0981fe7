package belay_test

// This file tests the types that all packages share.

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
)

type customError struct{ code int }

func (customError) Error() string { return "custom" }

func TestAPanicErrorLeadsToTheErrorThatWasPanickedWith(t *testing.T) {
	inner := customError{code: 7}
	var err error = fmt.Errorf("wrapped: %w", &belay.PanicError{Value: inner})
	require.ErrorIs(t, err, inner)
	var got customError
	require.ErrorAs(t, err, &got)
	require.Equal(t, 7, got.code)
	require.NotErrorIs(t, err, belay.ErrGoexit)
	require.NoError(t, errors.Unwrap(&belay.PanicError{Value: "text"}))
}

func TestEachWaitFallsIntoTheOneBucketThatFitsIt(t *testing.T) {
	for i := range belay.WaitBuckets {
		var h belay.WaitHistogram
		h.Observe(belay.WaitBound(i) - 1)
		require.EqualValues(t, 1, h.Counts[i], "just below bound %d", i)
		if i+1 < belay.WaitBuckets {
			h.Observe(belay.WaitBound(i))
			require.EqualValues(t, 1, h.Counts[i+1], "at bound %d", i)
		}
	}
}

func TestTheSumOfWaitsSaturates(t *testing.T) {
	var h belay.WaitHistogram
	h.Observe(math.MaxInt64)
	h.Observe(time.Hour)
	require.Equal(t, time.Duration(math.MaxInt64), h.Sum)
	require.EqualValues(t, 2, h.Counts[belay.WaitBuckets-1])
}

func TestWaitBoundPanicsOutsideOfTheBuckets(t *testing.T) {
	for _, i := range []int{-1, belay.WaitBuckets} {
		require.PanicsWithValue(t, "belay: no such wait bucket", func() { belay.WaitBound(i) })
	}
}
