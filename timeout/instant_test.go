package timeout_test

// This file holds the tests of results that come at the very moment of a
// deadline: they win.

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

// together are waits of exactly a second for something that takes exactly that.
var together = map[string]func(t *testing.T) bool{
	"Abandon, a deadline": func(t *testing.T) bool {
		var r timeout.Runner
		value, err := timeout.Abandon(&r, t.Context(), time.Second, func(context.Context) (int, error) {
			time.Sleep(time.Second)
			return 42, nil
		})
		return value == 42 && err == nil
	},
	"Abandon, after a chain of others": func(t *testing.T) bool {
		var r timeout.Runner
		value, err := timeout.Abandon(&r, t.Context(), time.Second, func(context.Context) (int, error) {
			links := make([]chan int, 20)
			for i := range links {
				links[i] = make(chan int)
				if i > 0 {
					go func() { links[i] <- 1 + <-links[i-1] }() // ends with the link before
				}
			}
			time.AfterFunc(time.Second, func() { links[0] <- 23 })
			return <-links[len(links)-1], nil
		})
		return value == 42 && err == nil
	},
	"Abandon, a cancel": func(t *testing.T) bool {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var r timeout.Runner
		value, err := timeout.Abandon(&r, ctx, time.Hour, func(context.Context) (int, error) {
			time.Sleep(time.Second)
			return 42, nil
		})
		return value == 42 && err == nil
	},
	"Wait": func(*testing.T) bool {
		var wg sync.WaitGroup
		wg.Go(func() { time.Sleep(time.Second) })
		return !timeout.Wait(&wg, time.Second)
	},
}

func wins(t *testing.T, rounds int, do func(t *testing.T) bool) (won int) {
	for range rounds {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			if do(t) {
				won++
			}
			require.Equal(t, time.Second, time.Since(began))
		})
	}
	return won
}

func TestAResultAtTheMomentOfItsDeadlineWins(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for name, do := range together {
		require.Equal(t, 1000, wins(t, 1000, do), name)
	}
}

// With more than one processor the operating system has a say: it may interrupt
// the thread that was to run the task for longer than anybody waits for it.
func TestAResultAtTheMomentOfItsDeadlineWinsOnManyProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for name, do := range together {
		require.GreaterOrEqual(t, wins(t, 1000, do), 990, name)
	}
}

func TestAFunctionThatEndsWithItsContextIsNotAbandonedInABubble(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			var r timeout.Runner
			value, err := timeout.Abandon(&r, t.Context(), time.Second, obedient)
			require.Equal(t, 7, value)
			require.EqualError(t, err, "context deadline exceeded: ctxutil: abandon: timed out after 1s, limit 1s")
			require.Zero(t, r.Stats().Total)
		})
	}
}

// What a test knows to be over at this instant must be over for synctest.Wait.
func TestACallThatWasGivenUpHasReturnedWhenNobodyCanRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r timeout.Runner
		returned := false
		go func() { // ends at its limit
			_, _ = timeout.Abandon(&r, t.Context(), time.Second, func(context.Context) (int, error) {
				time.Sleep(time.Minute)
				return 0, nil
			})
			returned = true
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		require.True(t, returned)
		require.NoError(t, r.WaitContext(context.Background()))
	})
}

func TestLookingForAResultEndsWhileOthersKeepTheMachineBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r timeout.Runner
		returned := make(chan struct{})
		began := time.Now()
		_, err := timeout.Abandon(&r, t.Context(), time.Second, func(context.Context) (int, error) {
			time.Sleep(time.Second)
			for {
				select {
				case <-returned:
					return 0, nil
				//lint:ignore SA5004 it is there to spin
				default: // busy, so the clock stands still
				}
			}
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		close(returned)
		require.NoError(t, r.WaitContext(context.Background()))
	})
}
