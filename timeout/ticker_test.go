package timeout_test

// This file holds the tests of when ticks are due, and of what becomes of those
// that were missed.

import (
	"context"
	"math"
	"slices"
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

func TestTheListOfTicksIsSorted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticker := timeout.Ticker{Every: time.Second, Jitter: time.Second, Burst: -1}
		due, _ := takeTicks(t, &ticker, 100, 50*time.Second)
		require.True(t, slices.IsSorted(due))
	})
}
