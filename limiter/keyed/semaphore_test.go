package keyed_test

// This file tests semaphores by key.

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/keyed"
)

func TestMoreKeysHeldThanMayBeAreRefused(t *testing.T) {
	for _, keys := range []int{1, 2, 7, 8, 9, 100, 10_000} {
		s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: keys, Size: 2})
		var held []limiter.Permit
		for i := range keys {
			held = append(held, take(t, s.For(i), 1))
		}
		_, err := s.For(-1).TryTake(1)
		var refused *limiter.RefusedError
		require.ErrorAs(t, err, &refused)
		require.ErrorIs(t, err, limiter.ErrFull)
		require.True(t, refused.NoWait)
		_, err = s.For(-1).Take(t.Context(), 1)
		require.ErrorIs(t, err, limiter.ErrFull, "nobody waits for another key")
		held = append(held, take(t, s.For(0), 1)) // a key that is there already
		require.EqualValues(t, keys, keyed.Held(s))

		held[1%keys].Release()
		if keys > 1 {
			held = append(held, take(t, s.For(-1), 1))
		}
		for _, p := range held {
			p.Release()
		}
		require.Zero(t, s.Stats().InFlight)
		require.Zero(t, keyed.Held(s))
		require.EqualValues(t, 2, s.Stats().Refused)
		require.EqualValues(t, 2*keys, s.Stats().Limit)
	}
}

func TestAFloodOfKeysThatAreHeldLeavesMemoryFlat(t *testing.T) {
	s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 1000, Size: 1})
	dear := take(t, s.For(-1), 1)
	var before, after runtime.MemStats
	permits := make([]limiter.Permit, 0, 1000)
	for i := range 999 {
		permits = append(permits, take(t, s.For(1_000_000+i), 1))
	}
	runtime.ReadMemStats(&before)
	for i := range 200_000 {
		_, err := s.For(i).TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<18))
	_, err := s.For(-1).TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull, "still held")
	for _, p := range permits {
		p.Release()
	}
	for i := range 200_000 {
		take(t, s.For(i), 1).Release()
	}
	_, err = s.For(-1).TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull, "still held")
	dear.Release()
	take(t, s.For(-1), 1)
}

func TestAPermitGivesBackOnce(t *testing.T) {
	s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 1, Size: 5})
	a, b := take(t, s.For(1), 2), take(t, s.For(1), 3)
	a.Settle(1)
	a.Settle(5) // not more than it has
	require.EqualValues(t, 4, s.Stats().InFlight)
	var all sync.WaitGroup
	for range 4 {
		all.Go(a.Release)
	}
	all.Wait()
	require.EqualValues(t, 3, s.Stats().InFlight)
	b.Settle(0)
	require.Zero(t, s.Stats().InFlight)
	other := take(t, s.For(2), 5) // maybe of the same slot
	b.Release()
	a.Release()
	require.EqualValues(t, 5, s.Stats().InFlight)
	other.Release()
	require.Zero(t, keyed.Held(s))
}

func TestNothingNeedsNoRoom(t *testing.T) {
	s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 1, Size: 1})
	take(t, s.For(1), 1)
	take(t, s.For(2), 0).Release()
	for _, n := range []int64{2, math.MaxInt64} {
		_, err := s.For(3).TryTake(n)
		require.ErrorIs(t, err, limiter.ErrTooLarge)
	}
	huge := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 1, Size: math.MaxInt64})
	take(t, huge.For(1), 1<<61)
	_, err := huge.For(1).TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull)
	require.EqualValues(t, int64(1)<<61, huge.Stats().Limit)
}

func TestALargeRequestIsNotStarvedAndNobodyPassesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Size: 3})
		k := s.For(1)
		a, b := take(t, k, 1), take(t, k, 1)
		got := make(chan int, 3)
		enter := func(n int64, id int) {
			go func() {
				p, err := k.Take(t.Context(), n)
				require.NoError(t, err)
				got <- id
				time.Sleep(time.Second)
				p.Release()
			}()
			synctest.Wait()
		}
		enter(3, 1)
		enter(1, 2)
		_, err := k.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull, "there is room, and someone waits")
		take(t, s.For(2), 3).Release() // another key
		require.EqualValues(t, 2, s.Stats().Waiting)
		a.Release()
		synctest.Wait()
		require.Empty(t, got)
		b.Release()
		synctest.Wait()
		require.Equal(t, 1, <-got)
		require.Empty(t, got)
		require.Equal(t, 2, <-got)
		time.Sleep(2 * time.Second)
		require.Zero(t, s.Stats().InFlight)
		require.EqualValues(t, 2, s.Stats().Waited)
		require.Zero(t, keyed.Lines(s))
		require.Zero(t, keyed.Held(s))
	})
}

// golang/go#37852: a front waiter that gives up must let those go who now fit.
func TestACancelledFrontWaiterLetsTheNextGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Size: 2})
		k := s.For(1)
		held := take(t, k, 1)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		go func() { _, err := k.Take(ctx, 2); errs <- err }()
		synctest.Wait()
		go func() { _, err := k.Take(t.Context(), 1); errs <- err }()
		synctest.Wait()
		require.Empty(t, errs)
		cancel()
		synctest.Wait()
		require.Len(t, errs, 2)
		require.EqualValues(t, 2, s.Stats().InFlight)
		held.Release()
		require.EqualValues(t, 1, s.Stats().Cancelled)
	})
}

func TestHowManyMayWaitIsBoundedForEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Size: 1, Queue: 1})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range 2 {
			k := s.For(i)
			take(t, k, 1)
			var refused *limiter.RefusedError
			_, err := k.TryTake(1)
			require.ErrorAs(t, err, &refused)
			require.False(t, refused.NoWait)
			go func() { _, _ = k.Take(ctx, 1) }()
			synctest.Wait()
			_, err = k.Take(ctx, 1)
			require.ErrorAs(t, err, &refused)
			require.True(t, refused.NoWait)
			_, err = k.TryTake(1)
			require.ErrorAs(t, err, &refused)
			require.True(t, refused.NoWait)
		}
		require.EqualValues(t, 2, s.Stats().Waiting)

		none := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Size: 1, Queue: -1})
		take(t, none.For(1), 1)
		_, err := none.For(1).Take(ctx, 1)
		require.ErrorIs(t, err, limiter.ErrFull)
	})
}

// Slots change hands, lines come and go, and in the end nothing is held; at no
// time is more than the size.
func TestNothingIsLostInDisorder(t *testing.T) {
	const keys, size = 24, 3
	s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 8, Size: size})
	var held [keys]atomic.Int64
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 2))
			for range 4000 {
				i, n := random.IntN(keys), 1+random.Int64N(size)
				if random.IntN(2) == 0 {
					i %= 3 // where there are lines
				}
				var p limiter.Permit
				var err error
				if random.IntN(2) == 0 {
					p, err = s.For(i).TryTake(n)
				} else {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.IntN(50))*time.Microsecond)
					p, err = s.For(i).Take(ctx, n)
					cancel()
				}
				if err != nil {
					continue
				}
				if held[i].Add(n) > size {
					t.Errorf("%d held of key %d", held[i].Load(), i)
				}
				if random.IntN(3) == 0 {
					runtime.Gosched()
				}
				held[i].Add(-n)
				p.Release()
			}
		})
	}
	all.Wait()
	stats := s.Stats()
	require.Zero(t, stats.InFlight)
	require.Zero(t, stats.Waiting)
	require.Zero(t, keyed.Held(s))
	require.Zero(t, keyed.Lines(s))
	for i := range keys {
		take(t, s.For(i), size).Release()
	}
}

func TestAReleaseIsSeenByWhoTakesNext(t *testing.T) {
	s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 1, Size: 1})
	shared := 0 // the race detector watches it
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				p, err := s.For(1).Take(context.Background(), 1)
				if err != nil {
					t.Error(err)
					return
				}
				shared++
				p.Release()
			}
		})
	}
	all.Wait()
	require.Equal(t, 2000, shared)
}

func TestCompositionsOfKeysNeverWaitInACircle(t *testing.T) {
	s := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: 8, Size: 1})
	r := keyed.NewRate[string](keyed.RateOptions{Limit: 1e-6, Burst: 100})
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			a, b := s.For("a"), s.For("b")
			if g%2 == 0 {
				a, b = b, a
			}
			both := limiter.All(a, b)
			for range 500 {
				p, err := both.Take(context.Background(), 1)
				if err != nil {
					t.Error(err)
					return
				}
				p.Release()
			}
		})
	}
	all.Wait()
	require.Zero(t, s.Stats().InFlight)

	// What one refuses the other gets back, tokens included.
	take(t, s.For("a"), 1)
	_, err := limiter.All(r.For("a"), s.For("a")).TryTake(1)
	require.ErrorIs(t, err, limiter.ErrFull)
	require.EqualValues(t, 100, left(r.For("a")))
}

// If the grant and the end of a context meet, the context wins or the caller has
// it; what was granted is never lost.
func TestAGrantThatMeetsACancelIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 1, Size: 1})
		for range 500 {
			held := take(t, s.For(1), 1)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				p, _ := s.For(1).Take(ctx, 1)
				p.Release()
			}()
			synctest.Wait()
			go cancel()
			held.Release()
			synctest.Wait()
			cancel()
			require.Zero(t, s.Stats().InFlight)
			require.Zero(t, keyed.Held(s))
		}
	})
}
