package adaptive_test

// This file tests how long a call waits, and what it is told if it needn't begin to.

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

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

// warm lets a limiter of one unit learn that a request takes 10 ms.
func warm(t *testing.T, l *adaptive.Limiter) *adaptive.Limiter {
	for range 300 {
		p, err := l.TryTake(1)
		require.NoError(t, err)
		time.Sleep(10 * time.Millisecond)
		p.Release()
	}
	require.InDelta(t, 100, l.State().Rate, 1)
	require.InDelta(t, .01, l.State().Latency.Seconds(), .0001)
	return l
}

// refusedAt returns the refusal, and after how long it came.
func refusedAt(t *testing.T, f func() (limiter.Permit, error)) (*limiter.RefusedError, time.Duration) {
	t.Helper()
	began := time.Now()
	_, err := f()
	why, ok := errors.AsType[*limiter.RefusedError](err)
	require.True(t, ok, "%v", err)
	return why, time.Since(began)
}

func take(t *testing.T, l limiter.Limiter) func() (limiter.Permit, error) {
	return func() (limiter.Permit, error) { return l.Take(t.Context(), 1) }
}

func TestACallWaitsAsLongAsWaitSays(t *testing.T) {
	for _, c := range []struct {
		o      adaptive.Options
		warm   bool
		waits  time.Duration
		reason string
	}{
		{adaptive.Options{Wait: 50 * time.Millisecond}, false, 50 * time.Millisecond, "what it says"},
		{adaptive.Options{Wait: 50 * time.Millisecond}, true, 50 * time.Millisecond, "whatever is known"},
		{adaptive.Options{}, false, time.Second, "nothing is known"},
		{adaptive.Options{}, true, 30 * time.Millisecond, "four times what it takes, less that"},
		{adaptive.Options{Goal: 200 * time.Millisecond}, true, 190 * time.Millisecond, "what the goal leaves"},
		{adaptive.Options{Goal: 11 * time.Millisecond}, true, 10 * time.Millisecond, "what it takes, at least"},
		{adaptive.Options{Goal: time.Microsecond}, true, 10 * time.Millisecond, "that, for a goal that can't be met"},
		{adaptive.Options{Goal: -1}, true, 30 * time.Millisecond, "a goal of none"},
		{adaptive.Options{Wait: time.Millisecond, NewestFirst: true}, true, time.Millisecond, "where nobody can know"},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := fixed(1, c.o)
			if c.warm {
				warm(t, l)
			}
			require.True(t, l.TryAcquire(1))
			why, after := refusedAt(t, take(t, l))
			require.ErrorIs(t, why, limiter.ErrFull, c.reason)
			require.InDelta(t, c.waits.Seconds(), after.Seconds(), .0002, c.reason)
			if c.warm {
				require.InDelta(t, .01, why.RetryAfter.Seconds(), .002, c.reason)
			}
			require.EqualValues(t, 1, l.Stats().Refused)
			require.Zero(t, l.Stats().Waiting)
		})
	}
}

func TestAWaitWithoutBoundEndsWithItsContextAlone(t *testing.T) {
	for name, get := range map[string]func(context.Context, *adaptive.Limiter) error{
		"Take":    func(ctx context.Context, l *adaptive.Limiter) error { return second(l.Take(ctx, 1)) },
		"Acquire": func(ctx context.Context, l *adaptive.Limiter) error { return l.Acquire(ctx, 1) },
	} {
		synctest.Test(t, func(t *testing.T) {
			l := fixed(1, adaptive.Options{Wait: -1})
			require.True(t, l.TryAcquire(1))
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			began := time.Now()
			require.Equal(t, context.DeadlineExceeded, get(ctx, l), name)
			require.Equal(t, 24*time.Hour, time.Since(began), name)
			require.EqualValues(t, 1, l.Stats().Cancelled, name)
		})
	}
}

// Late is better than never for those who call Acquire.
func TestAcquireHasNoPatienceAndKnowsNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := warm(t, fixed(1, adaptive.Options{Wait: time.Nanosecond}))
		require.True(t, l.TryAcquire(1))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
		defer cancel()
		c := start(func() (limiter.Permit, error) { return limiter.Permit{}, l.Acquire(ctx, 1) })
		time.Sleep(2 * time.Millisecond)
		l.Release(1)
		<-c.done
		require.NoError(t, c.err)
		l.Release(1)
	})
}

func TestWhoeverWouldWaitPastItsDeadlineIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := warm(t, fixed(1, adaptive.Options{Wait: time.Second}))
		require.True(t, l.TryAcquire(1))
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Millisecond)
		defer cancel()
		why, after := refusedAt(t, func() (limiter.Permit, error) { return l.Take(ctx, 1) })
		require.ErrorIs(t, why, limiter.ErrTooLate)
		require.ErrorIs(t, why, context.DeadlineExceeded)
		require.True(t, why.Timeout())
		require.Zero(t, after)
		require.InDelta(t, .01, why.RetryAfter.Seconds(), .0002)
		require.EqualValues(t, 1, l.Stats().Refused)

		enough, stop := context.WithTimeout(t.Context(), 15*time.Millisecond)
		defer stop()
		c := start(func() (limiter.Permit, error) { return l.Take(enough, 1) })
		time.Sleep(10 * time.Millisecond)
		l.Release(1)
		<-c.done
		require.NoError(t, c.err)
		c.permit.Release()
	})
}

func TestWhoeverWouldWaitLongerThanItMayIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := warm(t, fixed(1, adaptive.Options{Wait: 45 * time.Millisecond}))
		require.True(t, l.TryAcquire(1))
		ctx, cancel := context.WithCancel(t.Context())
		var calls []*call
		for range 4 {
			calls = append(calls, start(func() (limiter.Permit, error) { return l.Take(ctx, 1) }))
			synctest.Wait()
			require.Equal(t, waiting, calls[len(calls)-1].verdict())
		}
		why, after := refusedAt(t, take(t, l))
		require.ErrorIs(t, why, limiter.ErrFull)
		require.Zero(t, after)
		require.InDelta(t, .05, why.RetryAfter.Seconds(), .001)
		cancel()
		for _, c := range calls {
			<-c.done
		}
		l.Release(1)
	})
}

// fill has a client get in line until it is told that it would wait too long.
func fill(t *testing.T, l *adaptive.Limiter, client string) {
	for range 100 {
		c := start(func() (limiter.Permit, error) {
			p, err := l.For(client, 0).Take(t.Context(), 1)
			if err == nil {
				time.Sleep(10 * time.Millisecond)
				p.Release()
			}
			return p, err
		})
		synctest.Wait()
		if c.verdict() == full {
			return
		}
	}
	require.Fail(t, "the line is never too long")
}

func TestAWaitIsNotTooLongForThoseWhoDoNotWaitIt(t *testing.T) {
	for name, caller := range map[string]struct {
		client   string
		priority int
	}{
		"a higher priority": {"greedy", 1},
		"another client":    {"modest", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := warm(t, fixed(1, adaptive.Options{Wait: 95 * time.Millisecond}))
			require.True(t, l.TryAcquire(1))
			fill(t, l, "greedy")
			time.AfterFunc(10*time.Millisecond, func() { l.Release(1) })
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
			defer cancel()
			p, err := l.For(caller.client, caller.priority).Take(ctx, 1)
			require.NoError(t, err, name)
			p.Release()
			require.ErrorIs(t, second(l.For("greedy", -1).Take(ctx, 1)), limiter.ErrTooLate, "whoever does wait it")
			time.Sleep(time.Second)
			require.Zero(t, l.Stats().InFlight)
		})
	}
}

func TestWithoutALineNobodyWaits(t *testing.T) {
	l := fixed(1, adaptive.Options{Queue: -1})
	require.True(t, l.TryAcquire(1))
	for _, f := range []func() (limiter.Permit, error){take(t, l), func() (limiter.Permit, error) { return l.TryTake(1) }} {
		why, _ := refusedAt(t, f)
		require.ErrorIs(t, why, limiter.ErrFull)
		require.True(t, why.NoWait)
	}
	require.ErrorIs(t, l.Acquire(t.Context(), 1), limiter.ErrFull)
	require.EqualValues(t, 3, l.Stats().Refused)
}

func TestAThousandMayWaitUnlessTheOptionsSayOtherwise(t *testing.T) {
	for queue, most := range map[int]int{0: 1000, 3: 3} {
		synctest.Test(t, func(t *testing.T) {
			l := fixed(1, adaptive.Options{Queue: queue, Wait: -1})
			require.True(t, l.TryAcquire(1))
			ctx, cancel := context.WithCancel(t.Context())
			for range most {
				go l.Acquire(ctx, 1) // ends with ctx
			}
			synctest.Wait()
			require.EqualValues(t, most, l.Stats().Waiting)
			why, _ := refusedAt(t, take(t, l))
			require.ErrorIs(t, why, limiter.ErrFull)
			require.True(t, why.NoWait)
			require.ErrorIs(t, l.Acquire(t.Context(), 1), limiter.ErrFull)
			require.False(t, l.TryAcquire(1))
			cancel()
			synctest.Wait()
			require.Zero(t, l.Stats().Waiting)
		})
	}
}

func TestMoreThanMaxIsNeverGranted(t *testing.T) {
	l := adaptive.New(adaptive.Options{Max: 5})
	for _, n := range []int64{6, math.MaxInt64} {
		for _, f := range []func() (limiter.Permit, error){
			func() (limiter.Permit, error) { return l.Take(t.Context(), n) },
			func() (limiter.Permit, error) { return l.TryTake(n) },
			func() (limiter.Permit, error) { return l.For("", 9).Take(t.Context(), n) },
			func() (limiter.Permit, error) { return limiter.Permit{}, l.Acquire(t.Context(), n) },
		} {
			why, _ := refusedAt(t, f)
			require.ErrorIs(t, why, limiter.ErrTooLarge)
			require.Equal(t, time.Duration(math.MaxInt64), why.RetryAfter)
		}
		require.False(t, l.TryAcquire(n))
	}
	require.EqualValues(t, 10, l.Stats().Refused)
	require.True(t, l.TryAcquire(5))
	l.Release(5)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, context.Canceled, l.Acquire(done, 9), "a done context comes first")
}

func TestAGrantThatMeetsTheEndOfTheWaitIsOneOrTheOther(t *testing.T) {
	for round := range 300 {
		synctest.Test(t, func(t *testing.T) {
			l := fixed(1, adaptive.Options{Wait: time.Second})
			require.True(t, l.TryAcquire(1))
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			if round%2 == 0 {
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			}
			defer cancel()
			var all sync.WaitGroup
			var outcomes [2]error
			for i := range 2 {
				all.Go(func() {
					p, err := l.Take(ctx, 1)
					p.Release()
					outcomes[i] = err
				})
				synctest.Wait()
			}
			time.AfterFunc(time.Second, func() { l.Release(1) }) // at the very instant
			next := start(func() (limiter.Permit, error) { return limiter.Permit{}, l.Acquire(t.Context(), 1) })
			all.Wait()
			<-next.done
			require.NoError(t, next.err, "the next moves on")
			l.Release(1)
			stats := l.Stats()
			require.Zero(t, stats.InFlight)
			require.Zero(t, stats.Waiting)
			ends := uint64(0)
			for _, err := range outcomes {
				if err != nil {
					ends++
				}
			}
			require.Equal(t, ends, stats.Refused+stats.Cancelled)
		})
	}
}

func TestAHundredThousandWaitsThatEndLeaveNothing(t *testing.T) {
	l := fixed(1, adaptive.Options{Wait: time.Hour})
	require.True(t, l.TryAcquire(1))
	memory := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	goroutines, before := runtime.NumGoroutine(), memory()
	var all sync.WaitGroup
	for g := range 10 {
		all.Go(func() {
			for i := range 10_000 {
				ctx, cancel := context.WithCancel(context.Background())
				go cancel()
				_, err := l.For(string(rune('a'+g)), i%3).Take(ctx, 1)
				if err != context.Canceled {
					panic(err)
				}
			}
		})
	}
	all.Wait()
	require.Zero(t, l.Stats().Waiting)
	require.EqualValues(t, 100_000, l.Stats().Cancelled)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < goroutines+10 }, 10*time.Second, time.Millisecond)
	require.Less(t, memory(), before+1<<20)
	l.Release(1)
	require.True(t, l.TryAcquire(1))
}
