package timeout_test

// This file holds the tests of the wait for a tick: what ends it, who gets the
// tick, and what is left.

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout"
)

func TestADoneContextBeatsATickThatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second, Immediate: true}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			require.Equal(t, context.Canceled, ticker.Wait(done))
			for range ticker.Ticks(done) {
				require.Fail(t, "a tick under a done context")
			}
		}
		began := time.Now()
		require.NoError(t, ticker.Wait(t.Context()), "it was not taken")
		require.Zero(t, time.Since(began))
	})
}

func TestATickThatIsDueWhenTheContextEndsIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second}
		for range 1000 {
			// The same instant, by the deadline and by a cancel.
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.NoError(t, ticker.Wait(ctx))
			cancel()

			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			require.NoError(t, ticker.Wait(ctx))
			cancel()

			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			ticks := 0
			for range ticker.Ticks(ctx) {
				ticks++
			}
			require.Equal(t, 1, ticks)
		}
		require.Zero(t, ticker.Dropped())
	})
}

func TestAWaitForATickThatCannotComeInTimeDoesNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute-1)
		defer cancel()
		began := time.Now()
		err := ticker.Wait(ctx)
		require.Equal(t, &ctxutil.TimeoutError{Name: "tick", Limit: time.Minute - 1, RetryAfter: time.Minute}, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, isTimeout(err))
		require.Zero(t, time.Since(began))
		require.NoError(t, ctx.Err(), "the context has time left")

		past := pastContext{t.Context(), time.Now().Add(-time.Second)}
		require.Equal(t, &ctxutil.TimeoutError{Name: "tick", RetryAfter: time.Minute}, ticker.Wait(past), "nothing was left")
		require.NoError(t, ticker.Wait(t.Context()))
		require.Equal(t, time.Minute, time.Since(began), "they took nothing")
	})
}

// pastContext has a deadline that it has not noticed.
type pastContext struct {
	context.Context
	deadline time.Time
}

func (c pastContext) Deadline() (time.Time, bool) { return c.deadline, true }

func TestALoopOverTicksLastsUntilItsContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: 10 * time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
		defer cancel()
		began := time.Now()
		var at []time.Duration
		for range ticker.Ticks(ctx) {
			at = append(at, time.Since(began))
		}
		require.Equal(t, seconds(10, 20, 30), at)
		require.Equal(t, 35*time.Second, time.Since(began), "the deadline before the next tick has not ended it")
		require.Equal(t, context.DeadlineExceeded, ctx.Err())

		at = nil
		for range ticker.Ticks(t.Context()) { // a second loop goes on
			if at = append(at, time.Since(began)); len(at) == 2 {
				break
			}
		}
		require.Equal(t, seconds(40, 50), at)
	})
}

func TestAWaitEndsWithItsContextSaysWhyAndTakesNothing(t *testing.T) {
	why := errors.New("shutting down")
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Minute}
		began := time.Now()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		err := ticker.Wait(ctx)
		require.Equal(t, time.Second, time.Since(began))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, ticker.Wait(ctx), why, "done before the wait")

		require.NoError(t, ticker.Wait(t.Context()))
		require.Equal(t, time.Minute, time.Since(began))
	})
}

func TestEveryTickGoesToOneOfThoseWhoWait(t *testing.T) {
	for _, ticker := range []*timeout.Ticker{
		{Every: time.Second},
		{Every: time.Second, Immediate: true, Jitter: time.Second},
		{Every: time.Second, Burst: -1},
	} {
		synctest.Test(t, func(t *testing.T) {
			const takers, ticks = 8, 400
			ctx, cancel := context.WithCancel(t.Context())
			began := time.Now()
			var mu sync.Mutex
			var due []time.Duration
			var all sync.WaitGroup
			for i := range takers {
				all.Go(func() {
					if i%2 == 0 { // these give up now and then, at the moment of a tick for example
						for ctx.Err() == nil {
							short, stop := context.WithCancel(ctx)
							timer := time.AfterFunc(time.Duration(i+1)*time.Second/2, stop)
							if ticker.Wait(short) == nil {
								mu.Lock()
								due = append(due, time.Since(began))
								mu.Unlock()
							}
							timer.Stop()
							stop()
						}
						return
					}
					for range ticker.Ticks(ctx) {
						mu.Lock()
						due = append(due, time.Since(began))
						mu.Unlock()
					}
				})
			}
			time.Sleep(ticks*time.Second + time.Second/2)
			cancel()
			all.Wait()
			first := time.Second
			if ticker.Immediate {
				first = 0
			}
			for k, at := range due {
				grid := first + time.Duration(k)*time.Second
				require.GreaterOrEqual(t, at, grid)
				require.LessOrEqual(t, at, grid+max(ticker.Jitter-1, 0))
			}
			require.GreaterOrEqual(t, len(due), ticks)
			require.LessOrEqual(t, len(due), ticks+1)
			require.Zero(t, ticker.Dropped())
		})
	}
}

func TestWhoLosesATickToAnotherWaitsForTheNextOrFailsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		began := time.Now()
		results := make(chan error)
		for range 3 {
			go func() { results <- ticker.Wait(ctx) }() // ends within the deadline
		}
		var won int
		for range 3 {
			err := <-results
			require.Equal(t, time.Second, time.Since(began))
			if err == nil {
				won++
				continue
			}
			require.Equal(t, &ctxutil.TimeoutError{Name: "tick", Limit: time.Second / 2, RetryAfter: time.Second}, err)
		}
		require.Equal(t, 1, won)
	})
}

func TestWhatWasWrittenBeforeATickIsVisibleAfterTheNext(t *testing.T) {
	// The race detector is what judges here.
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second}
		written, seen := 0, 0
		var both sync.WaitGroup
		both.Go(func() {
			written = 1
			_ = ticker.Wait(t.Context())
		})
		both.Go(func() {
			time.Sleep(1500 * time.Millisecond)
			if ticker.Wait(t.Context()) == nil {
				seen = written
			}
		})
		both.Wait()
		require.Equal(t, 1, seen)
	})
}

func TestATickerThatMakesNoSensePanicsWhereItIsUsed(t *testing.T) {
	var none context.Context
	for text, bad := range map[string][]*timeout.Ticker{
		"timeout: Ticker with a period that is not positive": {
			{}, {Every: -1}, {Every: math.MinInt64, Immediate: true}, {Delay: true}, {Jitter: 1},
		},
		"timeout: Ticker with a Jitter of more than its period": {
			{Every: 1, Jitter: 2}, {Every: time.Second, Jitter: math.MaxInt64},
		},
	} {
		for _, ticker := range bad {
			require.PanicsWithValue(t, text, func() { _ = ticker.Wait(t.Context()) })
			require.PanicsWithValue(t, text, func() { ticker.Ticks(t.Context()) }, "before the loop")
			require.Zero(t, ticker.Dropped(), "it is not locked")
		}
	}
	ticker := timeout.Ticker{Every: 1}
	require.PanicsWithValue(t, "timeout: Ticker with a nil context", func() { _ = ticker.Wait(none) })
	require.PanicsWithValue(t, "timeout: Ticker with a nil context", func() { ticker.Ticks(none) })
	require.NoError(t, ticker.Wait(t.Context()))
}

func TestATickerWorksInABubbleOutsideAndInTheNext(t *testing.T) {
	for name, ticker := range map[string]*timeout.Ticker{
		"skip":      {Every: time.Millisecond},
		"immediate": {Every: time.Millisecond, Immediate: true},
		"all":       {Every: time.Millisecond, Burst: -1, Jitter: time.Millisecond},
		"delay":     {Every: time.Millisecond, Delay: true},
	} {
		t.Run(name, func(t *testing.T) {
			inside := func(t *testing.T) {
				before := ticker.Dropped()
				began := time.Now()
				for range 3 {
					require.NoError(t, ticker.Wait(t.Context()))
				}
				passed := time.Since(began)
				if ticker.Immediate {
					passed += ticker.Every
				}
				require.GreaterOrEqual(t, passed, 3*ticker.Every, "a grid of the bubble's own")
				require.LessOrEqual(t, passed, 4*ticker.Every, "nobody waits for another clock")
				givesUp(t, ticker)
				require.Equal(t, before, ticker.Dropped(), "the years between the clocks are no pause")
				time.Sleep(time.Hour)
			}
			outside := func() {
				before := ticker.Dropped()
				require.NoError(t, ticker.Wait(t.Context()))
				require.NoError(t, ticker.Wait(t.Context()))
				givesUp(t, ticker)
				const day = uint64(24 * time.Hour / time.Millisecond) // a busy machine may drop some
				require.Less(t, ticker.Dropped()-before, day, "the years between the clocks are no pause")
			}
			synctest.Test(t, inside)
			outside()
			synctest.Test(t, inside)
			synctest.Test(t, inside)
			outside()
		})
	}
}

// givesUp waits, and its context ends during that or before.
func givesUp(t *testing.T, ticker *timeout.Ticker) {
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	for ticker.Wait(ctx) == nil {
	}
	require.Error(t, ctx.Err())
}

func TestATickThatIsDueAllocatesNothing(t *testing.T) {
	for _, ticker := range []*timeout.Ticker{{Every: 1}, {Every: 1, Burst: -1}, {Every: 1, Jitter: 1}} {
		require.Zero(t, testing.AllocsPerRun(1000, func() { _ = ticker.Wait(t.Context()) }))
	}
}

func TestATickThatIsWaitedForAllocatesNothing(t *testing.T) {
	// The time is real, as the timer that is kept must not be a bubble's.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ticker := timeout.Ticker{Every: time.Microsecond, Delay: true}
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = ticker.Wait(ctx) }))
	require.Zero(t, testing.AllocsPerRun(10, func() {
		n := 0
		for range ticker.Ticks(ctx) {
			if n++; n == 10 {
				break
			}
		}
	})/10, "but for the loop itself")
}

func TestThoseWhoWaitAtOnceDoNotShareATimer(t *testing.T) {
	// The time is real, as above; a wait on another's timer would never end.
	ticker := timeout.Ticker{Every: 100 * time.Microsecond}
	require.NoError(t, ticker.Wait(t.Context())) // so that there is one to share
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				_ = ticker.Wait(t.Context())
			}
		})
	}
	all.Wait()
}

func TestManyGivenUpWaitsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: 1000 * time.Hour}
		give := func(n int) {
			for range n {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Millisecond, cancel)
				require.Equal(t, context.Canceled, ticker.Wait(ctx))
			}
		}
		give(100)
		before, goroutines := heapInUse(), runtime.NumGoroutine()
		give(5000)
		require.Less(t, runtime.NumGoroutine(), goroutines+100)
		require.Less(t, heapInUse(), before+100<<10)
	})
}
