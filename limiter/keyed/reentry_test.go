package keyed_test

// This file tests that no code of the user's runs under a lock: a context may call
// the limit that asks it, and may panic.

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/keyed"
)

// nosy is a context that calls something whenever it is asked.
type nosy struct {
	context.Context
	asked *atomic.Int64
	call  func()
}

func (c nosy) look() {
	c.asked.Add(1)
	c.call()
}

func (c nosy) Done() <-chan struct{}       { c.look(); return c.Context.Done() }
func (c nosy) Err() error                  { c.look(); return c.Context.Err() }
func (c nosy) Deadline() (time.Time, bool) { c.look(); return c.Context.Deadline() }
func (c nosy) Value(key any) any           { c.look(); return c.Context.Value(key) }

// limit is a key of a rate or of a semaphore.
type limit interface {
	limiter.Limiter
	Quota() (limit, remaining int64, window, reset time.Duration)
}

// usedUp returns limits of which nothing is left for an hour, and what frees one
// unit of each.
func usedUp(t *testing.T) (limits [2]limit, free func()) {
	rates := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1.0 / 3600, Burst: 1})
	places := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 1, Size: 1})
	token, err := rates.For(1).TryTake(1)
	require.NoError(t, err)
	unit, err := places.For(1).TryTake(1)
	require.NoError(t, err)
	return [2]limit{rates.For(1), places.For(1)}, func() {
		token.Settle(0)
		token.Release()
		unit.Release()
	}
}

func TestAContextMayCallTheLimitThatAsksIt(t *testing.T) {
	for which := range 2 {
		for _, freed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				limits, free := usedUp(t)
				limit := limits[which]
				var asked atomic.Int64
				parent, cancel := context.WithCancel(t.Context())
				defer cancel()
				ctx := nosy{parent, &asked, func() { // a lock that is held hangs here
					_, _ = limit.TryTake(1)
					_, _, _, _ = limit.Quota()
				}}
				ended := make(chan error, 1)
				go func() { // ends with Take
					_, err := limit.Take(ctx, 1)
					ended <- err
				}()
				synctest.Wait()
				require.Empty(t, ended)
				if freed {
					free()
					require.NoError(t, <-ended)
				} else {
					cancel()
					require.ErrorIs(t, <-ended, context.Canceled)
				}
				require.Positive(t, asked.Load())
			})
		}
	}
}

func TestAPanicOfAContextLeavesTheLimitWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for which := range 2 {
			panics := 0
			for at := int64(1); ; at++ {
				limits, free := usedUp(t)
				limit := limits[which]
				parent, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				var asked atomic.Int64
				ctx := nosy{parent, &asked, func() {
					if asked.Load() == at {
						panic("nosy")
					}
				}}
				time.AfterFunc(time.Minute, cancel)
				panicked := func() (v any) {
					defer func() { v = recover() }()
					_, err := limit.Take(ctx, 1)
					require.ErrorIs(t, err, context.Canceled)
					return nil
				}()
				time.Sleep(time.Minute)
				free()
				_, err := limit.TryTake(1)
				require.NoError(t, err, "panic of call %d", at)
				if panicked == nil {
					break
				}
				require.Equal(t, "nosy", panicked)
				panics++
			}
			require.Positive(t, panics)
		}
	})
}
