package timeout_test

// This file holds the tests of the Ticker: when ticks are due, what becomes of
// those that were missed, and what ends a wait.

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout"
)

// takeTicks takes n ticks, with a pause after the first, and returns when each
// was due and when it was taken.
func takeTicks(t *testing.T, ticker *timeout.Ticker, n int, pause time.Duration) (due, taken []time.Duration) {
	began := time.Now()
	for at := range ticker.Ticks(t.Context()) {
		due = append(due, at.Sub(began))
		taken = append(taken, time.Since(began))
		if len(due) == n {
			break
		}
		if len(due) == 1 {
			time.Sleep(pause)
		}
	}
	return due, taken
}

// seconds makes a list of times.
func seconds(s ...float64) (list []time.Duration) {
	for _, s := range s {
		list = append(list, time.Duration(s*float64(time.Second)))
	}
	return list
}

func TestTicksStayOnTheGridThoughTheirUserTakesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second}
		began := time.Now()
		for k := range 100 {
			require.NoError(t, ticker.Wait(t.Context()))
			require.Equal(t, time.Duration(k+1)*time.Second, time.Since(began))
			time.Sleep(time.Duration(k) * 7 * time.Millisecond)
		}
		require.Zero(t, ticker.Dropped())
	})
}

func TestWhatBecomesOfMissedTicksIsForTheUserToSay(t *testing.T) {
	for name, tc := range map[string]struct {
		ticker     *timeout.Ticker
		due, taken []time.Duration
		dropped    uint64
	}{
		// The first tick is at 1 s. Its user comes again after 10.5 s, at 11.5 s.
		"skip": {
			&timeout.Ticker{Every: time.Second},
			seconds(1, 11, 12, 13, 14), seconds(1, 11.5, 12, 13, 14), 9,
		},
		"skip, the first at once": {
			&timeout.Ticker{Every: time.Second, Immediate: true},
			seconds(0, 10, 11, 12, 13), seconds(0, 10.5, 11, 12, 13), 9,
		},
		"make up for one": {
			&timeout.Ticker{Every: time.Second, Burst: 1},
			seconds(1, 10, 11, 12, 13), seconds(1, 11.5, 11.5, 12, 13), 8,
		},
		"make up for two, the first at once": {
			&timeout.Ticker{Every: time.Second, Burst: 2, Immediate: true},
			seconds(0, 8, 9, 10, 11), seconds(0, 10.5, 10.5, 10.5, 11), 7,
		},
		"make up for more than were missed": {
			&timeout.Ticker{Every: time.Second, Burst: math.MaxInt},
			seconds(1, 2, 3, 4, 5), seconds(1, 11.5, 11.5, 11.5, 11.5), 0,
		},
		"make up for all": {
			&timeout.Ticker{Every: time.Second, Burst: -1},
			seconds(1, 2, 3, 4, 5), seconds(1, 11.5, 11.5, 11.5, 11.5), 0,
		},
		"delay": {
			&timeout.Ticker{Every: time.Second, Delay: true},
			seconds(1, 2, 12.5, 13.5, 14.5), seconds(1, 11.5, 12.5, 13.5, 14.5), 0,
		},
		"delay, the first at once, and Burst has no meaning": {
			&timeout.Ticker{Every: time.Second, Delay: true, Immediate: true, Burst: 2},
			seconds(0, 1, 11.5, 12.5, 13.5), seconds(0, 10.5, 11.5, 12.5, 13.5), 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				due, taken := takeTicks(t, tc.ticker, 5, 10500*time.Millisecond)
				require.Equal(t, tc.due, due, "due")
				require.Equal(t, tc.taken, taken, "taken")
				require.Equal(t, tc.dropped, tc.ticker.Dropped())
			})
		})
	}
}

func TestAPauseOfExactlySoManyPeriodsMissesOneLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second}
		due, taken := takeTicks(t, &ticker, 3, 10*time.Second)
		require.Equal(t, seconds(1, 11, 12), due, "the tick at 11 s is not missed, but just due")
		require.Equal(t, seconds(1, 11, 12), taken)
		require.EqualValues(t, 9, ticker.Dropped())
	})
}

func TestATickIsOnlyMissedWhenThePeriodOfTheNextBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second}
		due, taken := takeTicks(t, &ticker, 3, 2*time.Second-1)
		require.Equal(t, seconds(1, 2, 3), due)
		require.Equal(t, []time.Duration{time.Second, 3*time.Second - 1, 3 * time.Second}, taken)
		require.Zero(t, ticker.Dropped())
	})
}

func TestAPauseOfAnyNumberOfPeriodsIsOneStep(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, pause := range []time.Duration{time.Second, 10*time.Second + 1, 32 * year, 200 * year} {
		for _, every := range []time.Duration{1, 3, time.Microsecond, time.Millisecond, time.Second} {
			synctest.Test(t, func(t *testing.T) { afterPause(t, pause, every) })
		}
	}
}

// afterPause sees what becomes of up to 6e18 missed ticks.
func afterPause(t *testing.T, pause, every time.Duration) {
	tickers := map[int]*timeout.Ticker{}
	for _, burst := range []int{0, 5, -1} {
		tickers[burst] = &timeout.Ticker{Every: every, Immediate: true, Burst: burst}
		require.NoError(t, tickers[burst].Wait(t.Context()))
	}
	began := time.Now()
	time.Sleep(pause)
	next := func(ticker *timeout.Ticker) (due time.Duration) {
		for at := range ticker.Ticks(t.Context()) {
			due = at.Sub(began)
			break
		}
		require.Equal(t, pause, time.Since(began), "one was due")
		return due
	}
	periods := pause / every
	require.Equal(t, periods*every, next(tickers[0]))
	require.EqualValues(t, periods-1, tickers[0].Dropped())
	require.Equal(t, max(periods-5, 1)*every, next(tickers[5]))
	require.EqualValues(t, max(periods-1-5, 0), tickers[5].Dropped())
	require.Equal(t, every, next(tickers[-1]))
	require.Zero(t, tickers[-1].Dropped())
}

func TestTheLongestTimesDoNotOverflow(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	for name, ticker := range map[string]*timeout.Ticker{
		"period":             {Every: math.MaxInt64},
		"period and jitter":  {Every: math.MaxInt64, Jitter: math.MaxInt64},
		"almost":             {Every: math.MaxInt64 - 1, Burst: math.MaxInt},
		"after a first tick": {Every: math.MaxInt64, Immediate: true, Burst: -1},
		"delay":              {Every: math.MaxInt64, Delay: true, Immediate: true},
		"delay and jitter":   {Every: math.MaxInt64, Delay: true, Jitter: math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			never := func(t *testing.T, patience time.Duration) {
				if ticker.Immediate {
					require.NoError(t, ticker.Wait(t.Context()))
				}
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(patience, cancel)
				require.Equal(t, context.Canceled, ticker.Wait(ctx))
				require.Equal(t, context.Canceled, ticker.Wait(ctx))
				require.Zero(t, ticker.Dropped())
			}
			synctest.Test(t, func(t *testing.T) { never(t, century) })
			never(t, time.Nanosecond)
			synctest.Test(t, func(t *testing.T) { never(t, century) })
		})
	}
}

func TestJitterMakesEachTickLateAndShiftsNoGrid(t *testing.T) {
	for name, ticker := range map[string]*timeout.Ticker{
		"of a part of the period":   {Every: time.Second, Jitter: time.Second / 10},
		"of the whole period":       {Every: time.Second, Jitter: time.Second},
		"of all there is, at once":  {Every: time.Second, Jitter: time.Second, Immediate: true},
		"of the smallest share":     {Every: time.Second, Jitter: 1},
		"of none, which is the sum": {Every: time.Second, Jitter: -time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				grid := time.Second
				if ticker.Immediate {
					grid = 0
				}
				shares := map[time.Duration]bool{}
				low, high := time.Duration(math.MaxInt64), time.Duration(0)
				for at := range ticker.Ticks(t.Context()) {
					require.True(t, at.Equal(time.Now()), "taken when it was due")
					share := time.Since(began) - grid
					require.GreaterOrEqual(t, share, time.Duration(0))
					require.Less(t, share, max(ticker.Jitter, 1))
					shares[share] = true
					low, high = min(low, share), max(high, share)
					if grid += time.Second; grid > 1000*time.Second {
						break
					}
				}
				require.Zero(t, ticker.Dropped())
				if ticker.Jitter > 1 {
					require.Greater(t, len(shares), 900, "random")
					require.Less(t, low, ticker.Jitter/20, "all of the share is used")
					require.Greater(t, high, ticker.Jitter-ticker.Jitter/20)
				}
			})
		})
	}
}

func TestAGivenUpWaitDoesNotRollTheDiceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Whoever draws anew for each wait gets an ever later tick, or an ever
		// sooner one.
		ticker := timeout.Ticker{Every: time.Hour, Jitter: time.Hour}
		began := time.Now()
		needs := func() time.Duration {
			ctx, cancel := context.WithTimeout(t.Context(), 1)
			defer cancel()
			var late *ctxutil.TimeoutError
			require.ErrorAs(t, ticker.Wait(ctx), &late)
			return time.Since(began) + late.RetryAfter
		}
		first := needs()
		for range 50 {
			time.Sleep(time.Minute)
			require.Equal(t, first, needs())
		}
		require.NoError(t, ticker.Wait(t.Context()))
		require.Equal(t, first, time.Since(began))
	})
}

func TestTheJitterOfADelayMayBeLongerThanThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second, Jitter: time.Minute, Delay: true}
		var most time.Duration
		for range 100 {
			began := time.Now()
			require.NoError(t, ticker.Wait(t.Context()))
			pause := time.Since(began)
			require.GreaterOrEqual(t, pause, time.Second)
			require.Less(t, pause, time.Second+time.Minute)
			most = max(most, pause)
		}
		require.Greater(t, most, 30*time.Second)
	})
}

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

func TestTheListOfTicksIsSorted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second, Jitter: time.Second, Burst: -1}
		due, _ := takeTicks(t, &ticker, 100, 50*time.Second)
		require.True(t, slices.IsSorted(due))
	})
}
