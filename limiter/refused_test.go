package limiter_test

// This file tests what a refusal says.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
)

func TestTheReasonsOfARefusalCanBeTold(t *testing.T) {
	reasons := []error{limiter.ErrFull, limiter.ErrLimited, limiter.ErrTooLarge, limiter.ErrTooLate}
	for _, reason := range reasons {
		err := fmt.Errorf("login: %w", &limiter.RefusedError{Reason: reason, RetryAfter: time.Second})
		for _, other := range reasons {
			require.Equal(t, reason == other, errors.Is(err, other), "%v, %v", reason, other)
		}
		require.Equal(t, reason == limiter.ErrTooLate, errors.Is(err, context.DeadlineExceeded))
		var timeout interface{ Timeout() bool }
		require.ErrorAs(t, err, &timeout)
		require.Equal(t, reason == limiter.ErrTooLate, timeout.Timeout())
		require.NotErrorIs(t, err, context.Canceled)
		var refused *limiter.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, time.Second, refused.RetryAfter)
	}
}

func TestARefusalSaysWhenToComeBackIfThatIsKnown(t *testing.T) {
	for after, want := range map[time.Duration]string{
		0:                       "limiter: no room",
		math.MaxInt64:           "limiter: no room",
		1500 * time.Millisecond: "limiter: no room, retry in 1.5s",
	} {
		require.EqualError(t, &limiter.RefusedError{Reason: limiter.ErrFull, RetryAfter: after}, want)
	}
}
