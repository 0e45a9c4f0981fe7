package semaphore_test

// This file checks each promise of the package doc by itself.

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter/semaphore"
)

var background = context.Background()

func TestSmallRequestsDoNotPassALargeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(4)
		require.True(t, s.TryAcquire(3))
		large := acquire(background, s, 4)
		synctest.Wait()
		small := acquire(background, s, 1)
		synctest.Wait()
		require.Equal(t, waiting, small.verdict(), "one is free, but not for the second in line")
		require.False(t, s.TryAcquire(1))
		require.False(t, s.TryAcquire(0), "not even for nothing")
		s.Release(3)
		synctest.Wait()
		require.Equal(t, served, large.verdict())
		require.Equal(t, waiting, small.verdict())
		s.Release(4)
		<-small.done
		require.NoError(t, small.err)
	})
}

// The one who gives back what it was just granted is not the one who released
// too much; but what is free would be more than there is.
func TestWhoGivesUpUnitsThatSomeoneElseReleasedPanicsAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(2)
		require.True(t, s.TryAcquire(2))
		ctx, cancel := context.WithCancel(t.Context())
		recovered := make(chan any, 1)
		go func() {
			defer func() { recovered <- recover() }()
			_ = s.Acquire(ctx, 2)
		}()
		synctest.Wait()
		cancel()
		s.Release(2) // serves it
		s.Release(1) // of what it has
		require.Equal(t, "semaphore: released more than held", <-recovered)
		require.EqualValues(t, 1, s.Stats().InFlight)
		require.EqualValues(t, 1, s.TryAcquireUpTo(3))
		s.Release(2)
		require.Zero(t, s.Stats().InFlight)
	})
}

func TestASteadyStreamOfSmallRequestsDoesNotStarveALargeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, hold = 8, time.Second
		s := semaphore.NewWeighted(size)
		stop := make(chan struct{})
		var stream sync.WaitGroup
		for i := range 2 * size {
			stream.Go(func() {
				time.Sleep(time.Duration(i) * hold / size)
				for {
					if s.Acquire(background, 1) != nil {
						return
					}
					time.Sleep(hold)
					s.Release(1)
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		time.Sleep(10 * hold)
		began := time.Now()
		require.NoError(t, s.Acquire(background, size))
		require.Less(t, time.Since(began), 10*hold)
		close(stop)
		s.Release(size)
		stream.Wait()
	})
}

// golang/go#37852
func TestAFrontWaiterThatGivesUpLetsThoseBehindItGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(2)
		require.True(t, s.TryAcquire(1))
		ctx, cancel := context.WithCancel(background)
		front := acquire(ctx, s, 2)
		synctest.Wait()
		second := acquire(background, s, 1)
		synctest.Wait()
		require.Equal(t, waiting, second.verdict())
		cancel()
		synctest.Wait()
		require.Equal(t, gaveUp, front.verdict())
		require.Equal(t, served, second.verdict())
	})
}

func TestADoneContextTakesNothingThoughAllIsFree(t *testing.T) {
	s := semaphore.NewWeighted(1)
	ctx, cancel := context.WithCancelCause(background)
	cancel(belay.ErrGoexit) // any cause
	for range 100 {
		require.True(t, s.Acquire(ctx, 1) == context.Canceled, "a drop-in returns ctx.Err() itself")
	}
	require.True(t, s.Acquire(ctx, 2) == context.Canceled, "a done context is reported before too large")
	require.True(t, s.TryAcquire(1))
}

func TestAGrantThatMeetsACancelGoesToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			s := semaphore.NewWeighted(1)
			require.True(t, s.TryAcquire(1))
			ctx, cancel := context.WithCancel(background)
			first := acquire(ctx, s, 1)
			synctest.Wait()
			second := acquire(background, s, 1)
			synctest.Wait()

			// The first has been granted before it can run, and is cancelled
			// before it has looked.
			s.Release(1)
			cancel()
			synctest.Wait()
			if first.verdict() == served {
				s.Release(1)
				synctest.Wait()
			}
			require.Equal(t, served, second.verdict())
			require.Equal(t, int64(1), s.Stats().InFlight)
		}
	})
}

// What wakes the one that gives up must wake nobody else.
func TestAGrantThatMeetsACancelWakesNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for round := range 100 {
			s := semaphore.NewWeighted(1)
			require.True(t, s.TryAcquire(1))
			ctx, cancel := context.WithCancel(background)
			other, end := context.WithCancel(background)
			var calls []*call
			for _, ctx := range []context.Context{ctx, other, other} {
				calls = append(calls, acquire(ctx, s, 1))
				synctest.Wait()
			}
			if round%2 == 0 { // which of them wakes the first
				cancel()
			}
			s.Release(1)
			cancel()
			synctest.Wait()
			calls = append(calls, acquire(other, s, 1), acquire(other, s, 1))
			synctest.Wait()
			require.Equal(t, waiting, calls[2].verdict())
			require.Equal(t, waiting, calls[3].verdict())
			require.Equal(t, waiting, calls[4].verdict())
			end()
			synctest.Wait()
			require.EqualValues(t, 1, s.Stats().InFlight)
		}
	})
}

func TestARequestLargerThanTheWholeFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(3)
		began := time.Now()
		for _, n := range []int64{4, math.MaxInt64} {
			require.ErrorIs(t, s.Acquire(background, n), semaphore.ErrTooLarge)
			require.False(t, s.TryAcquire(n))
		}
		require.True(t, time.Now().Equal(began))
		require.True(t, s.TryAcquire(3))
	})
}

func TestTheLargestWeightsDoNotOverflow(t *testing.T) {
	s := semaphore.NewWeighted(math.MaxInt64)
	require.NoError(t, s.Acquire(background, math.MaxInt64))
	require.False(t, s.TryAcquire(math.MaxInt64))
	require.False(t, s.TryAcquire(1))
	require.True(t, s.TryAcquire(0))
	s.Release(math.MaxInt64)
	require.True(t, s.TryAcquire(1))
	require.False(t, s.TryAcquire(math.MaxInt64))
}

func TestTheZeroValueHoldsNothing(t *testing.T) {
	var s semaphore.Weighted
	require.True(t, s.TryAcquire(0))
	require.NoError(t, s.Acquire(background, 0))
	require.False(t, s.TryAcquire(1))
	require.ErrorIs(t, s.Acquire(background, 1), semaphore.ErrTooLarge)
}

func TestReleasesThatRaceForOneUnitPanicOnce(t *testing.T) {
	s := semaphore.NewWeighted(2)
	require.True(t, s.TryAcquire(1))
	var panics atomic.Int32
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			defer func() {
				if recover() != nil {
					panics.Add(1)
				}
			}()
			s.Release(1)
		})
	}
	wg.Wait()
	require.Equal(t, int32(1), panics.Load())
	require.True(t, s.TryAcquire(2))
}

func TestWhatHappenedBeforeAReleaseIsVisibleAfterTheAcquire(t *testing.T) {
	s := semaphore.NewWeighted(1)
	var plain int // the race detector watches it
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if s.Acquire(background, 1) == nil {
					plain++
					s.Release(1)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, 800, plain)
}

func TestStatsCountTheWaitOfThoseWhoWereServedAfterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.New(semaphore.Options{Size: 2, WaitTime: true})
		require.NoError(t, s.Acquire(background, 2))
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		impatient := acquire(ctx, s, 2)
		synctest.Wait()
		patient := acquire(background, s, 1)
		time.Sleep(3 * time.Second)
		require.Equal(t, int64(1), s.Stats().Waiting)
		s.Release(2)
		<-patient.done
		<-impatient.done
		require.Equal(t, context.DeadlineExceeded, impatient.err)

		var waits belay.WaitHistogram
		waits.Observe(3 * time.Second)
		require.Equal(t, belay.Stats{Limit: 2, InFlight: 1, Total: 3, Waited: 1, Cancelled: 1, WaitTime: waits}, s.Stats())
	})
}

// shared is at package level, and used in a bubble, outside, and in another.
var shared = semaphore.NewWeighted(1)

func TestOneSemaphoreServesInABubbleOutsideAndInTheNext(t *testing.T) {
	handOver := func(t *testing.T) {
		require.NoError(t, shared.Acquire(background, 1))
		ctx, cancel := context.WithCancel(background)
		last := acquire(ctx, shared, 1)
		lineUp(t, shared, 1)
		cancel()
		<-last.done
		ctx, cancel = context.WithCancel(background)
		defer cancel()
		var calls []*call
		for i := range int64(4) { // channels are used again from the third on
			if i%2 == 0 {
				calls = append(calls, acquire(background, shared, 1))
			} else {
				calls = append(calls, acquire(ctx, shared, 1))
			}
			lineUp(t, shared, i+1)
		}
		for i, c := range calls {
			shared.Release(1)
			<-c.done
			require.NoError(t, c.err)
			more := acquire(ctx, shared, 1)
			lineUp(t, shared, 4)
			calls[i] = more
		}
		for _, c := range calls {
			shared.Release(1)
			<-c.done
			require.NoError(t, c.err)
		}
		shared.Release(1)
	}
	synctest.Test(t, handOver)
	handOver(t)
	synctest.Test(t, handOver)
}

// lineUp waits until n calls are in line, in a bubble or outside.
func lineUp(t *testing.T, s *semaphore.Weighted, n int64) {
	for s.Stats().Waiting != n {
		time.Sleep(time.Microsecond)
	}
	require.EqualValues(t, n, s.Stats().Waiting)
}

// A context may be anyone's code. It may use the semaphore itself, or panic.
type meddler struct {
	context.Context
	meddle func()
}

func (m meddler) Err() error {
	m.meddle()
	return m.Context.Err()
}

func (m meddler) Done() <-chan struct{} {
	m.meddle()
	return m.Context.Done()
}

func (m meddler) Value(key any) any {
	m.meddle()
	return m.Context.Value(key)
}

func TestAContextMayUseTheSemaphoreThatAsksIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(2)
		require.True(t, s.TryAcquire(2))
		inner, cancel := context.WithCancel(background)
		meddled := 0
		ctx := meddler{inner, func() {
			meddled++
			s.Stats()
			s.TryAcquire(1)
			s.Resize(2)
		}}
		for _, f := range []func() *call{
			func() *call { return acquire(ctx, s, 1) },
			func() *call { return take(ctx, s, 1) },
		} {
			c := f()
			synctest.Wait()
			s.Release(1)
			<-c.done
			require.NoError(t, c.err)
		}
		c := take(ctx, s, 1)
		synctest.Wait()
		cancel()
		<-c.done
		require.Equal(t, gaveUp, c.verdict())
		require.Greater(t, meddled, 4)
		require.EqualValues(t, 2, s.Stats().InFlight)
	})
}

func TestAContextThatPanicsLeavesTheSemaphoreAsItWas(t *testing.T) {
	s := semaphore.NewWeighted(2)
	require.True(t, s.TryAcquire(1))
	for at := range 2 { // Err, Done
		for n := range int64(3) {
			calls := 0
			ctx := meddler{background, func() {
				if calls++; calls > at {
					panic("mine")
				}
			}}
			if n == 2 || at == 0 { // else it has what it needs before it asks
				require.PanicsWithValue(t, "mine", func() { _ = s.Acquire(ctx, n) })
				require.PanicsWithValue(t, "mine", func() { calls = 0; _, _ = s.Take(ctx, n) })
			}
			require.EqualValues(t, 1, s.Stats().InFlight)
			require.Zero(t, s.Stats().Waiting)
			_, fast := semaphore.Counted(s)
			require.True(t, fast)
		}
	}
}

func TestManyWhoGaveUpLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := semaphore.NewWeighted(1)
		require.True(t, s.TryAcquire(1))
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		const calls = 10_000
		var all sync.WaitGroup
		for range calls {
			all.Go(func() { _ = s.Acquire(ctx, 1) })
		}
		all.Wait()
		stats := s.Stats()
		require.EqualValues(t, calls, stats.Cancelled)
		require.Zero(t, stats.Waiting)
		s.Release(1)
		_, fast := semaphore.Counted(s)
		require.True(t, fast)
	})
}

func TestWhatHappenedBeforeAReleaseIsVisibleAfterAWait(t *testing.T) {
	s := semaphore.NewWeighted(1)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	for _, ctx := range []context.Context{background, ctx} { // by a Cond, by a channel
		require.NoError(t, s.Acquire(background, 1))
		var plain int // the race detector watches it
		c := acquire(ctx, s, 1)
		lineUp(t, s, 1)
		plain = 1
		s.Release(1)
		<-c.done
		require.Equal(t, 1, plain)
		inside := make(chan int)
		go func() { // ends after its Acquire
			_ = s.Acquire(ctx, 1)
			inside <- plain
			s.Release(1)
		}()
		lineUp(t, s, 1)
		plain = 2
		s.Release(1)
		require.Equal(t, 2, <-inside)
		require.NoError(t, s.Acquire(background, 1))
		s.Release(1)
	}
}
