package semaphore_test

// This file checks each promise of the package doc by itself.

import (
	"context"
	"math"
	"math/rand/v2"
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

// TestNothingIsLostUnderLoad lets many goroutines with random weights and
// impatient contexts collide; afterwards nothing is held and nobody waits.
func TestNothingIsLostUnderLoad(t *testing.T) {
	const size = 5
	s := semaphore.NewWeighted(size)
	var held, excess atomic.Int64
	var wg sync.WaitGroup
	for g := range uint64(16) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(g, 2))
			for range 500 {
				n := random.Int64N(size + 1)
				ctx, cancel := context.WithCancel(background)
				stop := time.AfterFunc(time.Duration(random.IntN(50))*time.Microsecond, cancel)
				if s.Acquire(ctx, n) == nil {
					if held.Add(n) > size {
						excess.Add(1)
					}
					held.Add(-n)
					s.Release(n)
				}
				stop.Stop()
				cancel()
			}
		})
	}
	wg.Wait()
	require.Zero(t, excess.Load())
	stats := s.Stats()
	require.Zero(t, stats.InFlight)
	require.Zero(t, stats.Waiting)
	require.True(t, s.TryAcquire(size))
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
		s := semaphore.NewWeighted(2)
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

func TestOnlyAWaitAllocates(t *testing.T) {
	s := semaphore.NewWeighted(1)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if s.Acquire(ctx, 1) == nil {
			s.Release(1)
		}
	}), "Acquire")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if s.TryAcquire(1) && !s.TryAcquire(1) {
			s.Release(1)
		}
	}), "TryAcquire")
	cancel()
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = s.Acquire(ctx, 1) }), "a done context")
	require.Zero(t, testing.AllocsPerRun(100, func() { s.Stats() }), "Stats")
}

func TestAWaitAllocatesAtMostTwice(t *testing.T) {
	s := semaphore.NewWeighted(1)
	require.NoError(t, s.Acquire(background, 1))
	next, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends when next is closed
		defer close(stopped)
		for range next {
			for s.Stats().Waiting == 0 {
				time.Sleep(time.Microsecond)
			}
			s.Release(1)
		}
	}()
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		next <- struct{}{}
		_ = s.Acquire(background, 1)
	}), 2.0)
	close(next)
	<-stopped
}

// shared is at package level, and used in a bubble, outside, and in another.
var shared = semaphore.NewWeighted(1)

func TestOneSemaphoreServesInABubbleOutsideAndInTheNext(t *testing.T) {
	handOver := func(t *testing.T) {
		require.NoError(t, shared.Acquire(background, 1))
		next := acquire(background, shared, 1)
		ctx, cancel := context.WithCancel(background)
		last := acquire(ctx, shared, 1)
		for shared.Stats().Waiting < 2 {
			time.Sleep(time.Microsecond)
		}
		cancel()
		<-last.done
		shared.Release(1)
		<-next.done
		require.NoError(t, next.err)
		shared.Release(1)
	}
	synctest.Test(t, handOver)
	handOver(t)
	synctest.Test(t, handOver)
}
