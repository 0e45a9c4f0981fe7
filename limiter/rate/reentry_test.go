package rate_test

// This file tests that no code of the user's runs while a call is in line, where
// its panic would stay.

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/rate"
)

// fragile is a context that panics at one of the calls of Err.
type fragile struct {
	context.Context
	calls *atomic.Int64
	at    int64
}

func (c fragile) Err() error {
	if c.calls.Add(1) == c.at {
		panic("fragile")
	}
	return c.Context.Err()
}

func TestAPanicOfAContextLeavesNobodyInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for at := int64(1); ; at++ {
			lim := rate.NewLimiter(rate.Every(time.Hour), 1)
			require.True(t, lim.Allow())
			parent, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Minute, cancel)
			panicked := func() (v any) {
				defer func() { v = recover() }()
				require.ErrorIs(t, lim.Wait(fragile{parent, new(atomic.Int64), at}), context.Canceled)
				return nil
			}()
			time.Sleep(time.Hour)
			require.Zero(t, lim.Stats().Waiting)
			require.True(t, lim.Allow(), "panic of call %d", at)
			if panicked == nil {
				require.Greater(t, at, int64(1))
				break
			}
			require.Equal(t, "fragile", panicked)
		}
	})
}
