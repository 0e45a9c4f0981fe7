package keyed_test

// This file tests rates by key: what a flood can do, and what the limit means.

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/keyed"
)

func TestAFloodLeavesKnownKeysAloneAndMemoryFlat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 1000, Limit: 1, Burst: 10})
		for range 10 {
			require.True(t, r.For(-1).Allow()) // used up
		}
		require.True(t, r.For(-2).Allow()) // nine left
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		through := 0
		for i := range 200_000 {
			if r.For(i).Allow() {
				through++
			}
			if i%1000 == 0 {
				require.False(t, r.For(-1).Allow(), "the flood made it forgiven")
			}
		}
		runtime.ReadMemStats(&after)
		require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<18))
		for range 9 {
			require.True(t, r.For(-2).Allow(), "the flood took a known key's tokens")
		}
		require.False(t, r.For(-2).Allow())

		// Those that found a slot got a token each, the others the ten of one bucket.
		require.LessOrEqual(t, through, keyed.Slots(r)-2+10)
		require.Greater(t, through, 1000)
		overflow := r.Overflow()
		require.EqualValues(t, 10, overflow.Total)
		require.EqualValues(t, 200_000-through, overflow.Refused)
		stats := r.Stats()
		require.EqualValues(t, through+20, stats.Total)
		require.EqualValues(t, 200_000-through+201, stats.Refused)

		time.Sleep(2 * time.Second)
		require.True(t, r.For(-3).Allow(), "a new client after the flood")
		require.EqualValues(t, 10, r.Overflow().Total, "it has a slot of its own")
	})
}

func TestAKeyThatIsUsedUpInAFloodGetsWhatIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 16, Limit: 10, Burst: 1})
		passes := 0
		for i := range 10_000 { // ten seconds
			time.Sleep(time.Millisecond)
			for j := range 10 {
				r.For(i*10 + j).Allow()
			}
			if r.For(-1).Allow() {
				passes++
			}
		}
		require.LessOrEqual(t, passes, 101)
	})
}

func TestTheOverflowIsAsLargeAsItIsMeantToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 0.001, Burst: 2, Overflow: 50})
		for i := range 1000 {
			r.For(i).Allow()
		}
		require.EqualValues(t, 100, r.Overflow().Total)
		_, err := r.For(5000).TryTake(1)
		var refused *limiter.RefusedError
		require.ErrorAs(t, err, &refused)
		require.ErrorIs(t, err, limiter.ErrLimited)
		require.Equal(t, 20*time.Second, refused.RetryAfter)
	})
}

func TestALargerOverflowThanCanBeCountedIsTheLargest(t *testing.T) {
	r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1e9, Burst: math.MaxInt64, Overflow: math.MaxInt64})
	for i := range 100 {
		require.True(t, r.For(i).Allow())
	}
}

// Only what is as good as nothing may be dropped: here there is one set.
func TestABucketIsDroppedOnlyWhenItIsFullAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1, Burst: 5})
		require.Equal(t, 8, keyed.Slots(r))
		for i := range 8 {
			p, err := r.For(i).TryTake(int64(1 + i%5))
			require.NoError(t, err)
			p.Release()
		}
		r.For(100).Allow()
		require.Zero(t, keyed.Present(r.For(100)))
		time.Sleep(time.Second - 1)
		r.For(100).Allow()
		require.Zero(t, keyed.Present(r.For(100)))
		time.Sleep(1)
		require.True(t, r.For(100).Allow())
		require.Equal(t, 1, keyed.Present(r.For(100)))
		require.Zero(t, keyed.Present(r.For(0))) // it had taken one first
		require.Equal(t, 1, keyed.Present(r.For(5)))
		require.True(t, r.For(101).Allow())
		require.Zero(t, keyed.Present(r.For(5)))
	})
}

func TestTheTableHasRoomForItsKeys(t *testing.T) {
	const keys = 50_000
	overflowed := uint64(0)
	for range 4 {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: keys, Limit: 1e-6, Burst: 2})
		require.LessOrEqual(t, keyed.Slots(r)*25, keys*40)
		for i := range keys {
			r.For(i).Allow()
		}
		stats := r.Overflow()
		overflowed += stats.Total + stats.Refused
	}
	require.LessOrEqual(t, overflowed, uint64(40), "of %d", 4*keys)
}

// Two buckets would be twice the burst. Here both have seen that there is none.
func TestTwoWhoBringTheSameKeyInGetOneBucket(t *testing.T) {
	for key := range 20 {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 100, Limit: 1e-6, Burst: 3})
		unlock := keyed.Lock(r.For(key))
		var passes atomic.Int64
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for range 3 {
					if r.For(key).Allow() {
						passes.Add(1)
					}
				}
			})
		}
		stacks := make([]byte, 1<<20)
		for strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "keyed.(*rates).admit(") < 2 {
			runtime.Gosched()
		}
		unlock()
		all.Wait()
		require.EqualValues(t, 3, passes.Load())
		require.Equal(t, 1, keyed.Present(r.For(key)))
	}
}

// Slots change hands all the time, and no key ever pays for another: who has
// plenty is never refused, and who is limited gets no more than the limit.
func TestASlotThatChangesHandsChargesTheRightKey(t *testing.T) {
	const keys, burst = 40, 3
	r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 20_000, Burst: burst, Overflow: 1})
	var passes [keys]atomic.Int64
	began := time.Now()
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 1))
			for range 30_000 {
				k := random.IntN(keys)
				if r.For(k).Allow() {
					passes[k].Add(1)
				}
			}
		})
	}
	all.Wait()
	took := time.Since(began).Seconds()
	total := int64(0)
	for k := range passes {
		n := passes[k].Load()
		total += n
		// Its own bucket, and at most all of the overflow.
		require.LessOrEqual(t, n, int64(2*(burst+took*20_000)+2))
	}
	require.EqualValues(t, total, r.Stats().Total)
	require.EqualValues(t, 4*30_000-total, r.Stats().Refused)
}

func TestManyOnOneKeyGetNoMoreThanItsBound(t *testing.T) {
	r := keyed.NewRate[string](keyed.RateOptions{Keys: 8, Limit: 100_000, Burst: 100})
	var passes atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range 4 {
		all.Go(func() {
			for range 20_000 {
				if r.For("hot").Allow() {
					passes.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, float64(passes.Load()), 100+100_000*time.Since(began).Seconds())
	require.GreaterOrEqual(t, passes.Load(), int64(100))
}

func TestTwoKeysOfOneHashShareOneLimit(t *testing.T) {
	r := keyed.NewRate[string](keyed.RateOptions{Limit: 1e-6, Burst: 2})
	one, other := keyed.Collide(r.For("a"), 42), keyed.Collide(r.For("b"), 42)
	require.True(t, one.Allow())
	require.True(t, other.Allow())
	require.False(t, one.Allow())
}

func TestEachTableHasASeedOfItsOwn(t *testing.T) {
	a := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: 1, Size: 1})
	b := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Keys: 1, Size: 1})
	require.NotEqual(t, a.For("a").Rank(), b.For("a").Rank())
}

func TestWhatLimitsThereAreAndWhatTheyMean(t *testing.T) {
	for _, c := range []struct {
		limit   float64
		burst   int64
		at      time.Duration // how long after the burst was used
		passes  int64         // of a million
		forever bool          // no waiting helps
	}{
		{limit: 0, burst: 3, at: time.Hour, passes: 0, forever: true},
		{limit: -1, burst: 3, at: time.Hour, passes: 0, forever: true},
		{limit: math.NaN(), burst: 3, at: time.Hour, passes: 0, forever: true},
		{limit: math.Inf(-1), burst: 3, at: time.Hour, passes: 0, forever: true},
		{limit: 1e-300, burst: 3, at: time.Hour, passes: 0, forever: true},
		{limit: 1e-9, burst: 1, at: 24 * time.Hour, passes: 0}, // one in 32 years
		{limit: 1.0 / 3, burst: 3, at: 3 * time.Second, passes: 1},
		{limit: 1 / 0.333333333, burst: 1, at: 333333333, passes: 1},
		{limit: 1 / 0.333333333, burst: 1, at: 333333332, passes: 0},
		{limit: 1e6, burst: 1000, at: time.Millisecond / 2, passes: 500},
		{limit: 1e9, burst: 1000, at: 500, passes: 500},
		{limit: 1, burst: 1 << 62, at: time.Second, passes: 1},
	} {
		t.Run(fmt.Sprint(c.limit, "/", c.burst), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: c.limit, Burst: c.burst})
				p, err := r.For(1).TryTake(c.burst)
				require.NoError(t, err)
				p.Release()
				_, err = r.For(1).TryTake(1)
				var refused *limiter.RefusedError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, c.forever, refused.RetryAfter == math.MaxInt64, refused.RetryAfter)
				time.Sleep(c.at)
				n := int64(0)
				for n < 1_000_000 && r.For(1).Allow() {
					n++
				}
				require.InDelta(t, c.passes, n, float64(c.burst)/(1<<60)*4+0.1)
			})
		})
	}
}

func TestWithoutALimitEverythingIsGrantedAndKeepsNoRoom(t *testing.T) {
	for _, limit := range []float64{math.Inf(1), math.MaxFloat64, 1.1e9} {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: limit})
		for i := range 100 {
			p, err := r.For(i).TryTake(math.MaxInt64)
			require.NoError(t, err)
			p.Settle(5)
			p.Release()
		}
		require.Zero(t, keyed.Present(r.For(0)))
		_, _, window, reset := r.For(0).Quota()
		require.Zero(t, window+reset)
	}
}

func TestMoreThanTheBurstIsTooLarge(t *testing.T) {
	r := keyed.NewRate[int](keyed.RateOptions{Limit: 1, Burst: 5})
	for _, n := range []int64{6, math.MaxInt64} {
		_, err := r.For(1).TryTake(n)
		require.ErrorIs(t, err, limiter.ErrTooLarge)
		_, err = r.For(1).Take(t.Context(), n)
		require.ErrorIs(t, err, limiter.ErrTooLarge)
		done, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = r.For(1).Take(done, n)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.EqualValues(t, 4, r.Stats().Refused)
	require.EqualValues(t, 2, r.Stats().Cancelled)
	none := keyed.NewRate[int](keyed.RateOptions{Limit: 1, Burst: -5})
	require.False(t, none.For(1).Allow())
}

func TestNothingIsGrantedWhateverThereIsAndTakesNoRoom(t *testing.T) {
	r := keyed.NewRate[int](keyed.RateOptions{Keys: 1})
	_, err := r.For(1).TryTake(0)
	require.NoError(t, err)
	require.Zero(t, keyed.Present(r.For(1)))
}

// A verdict is that of exact arithmetic, up to the rounding that is promised.
func FuzzAVerdictIsThatOfExactArithmetic(f *testing.F) {
	f.Add(3.0, int64(5), int64(2), int64(1e9))
	f.Add(1e-9, int64(1), int64(1), int64(math.MaxInt64))
	f.Add(1e12, int64(1), int64(1), int64(1))
	f.Add(9e8, int64(math.MaxInt64), int64(math.MaxInt64), int64(7))
	f.Fuzz(func(t *testing.T, limit float64, burst, n, after int64) {
		if !(limit > 0) || limit > 1e9 || burst <= 0 || n <= 0 || n > burst || after < 0 || after > int64(365*24*time.Hour) {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) {
			r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: limit, Burst: burst})
			_, err := r.For(1).TryTake(burst)
			require.NoError(t, err)
			time.Sleep(time.Duration(after))
			_, err = r.For(1).TryTake(n)

			gained := new(big.Rat).Mul(new(big.Rat).SetFloat64(limit), big.NewRat(after, 1e9))
			got, _ := gained.Float64()
			// What is rounded: a token's time, and the burst's in the units there are.
			slack := float64(n)*1e-9 + limit/1e9 + 1 + float64(burst)/(1<<55)
			if got > float64(n)+slack {
				require.NoError(t, err)
			} else if got < float64(n)-slack {
				require.Error(t, err)
			}
		})
	})
}

func TestRetryAfterIsWhenThereIsATokenAndNotBefore(t *testing.T) {
	for _, limit := range []float64{3, 7, 0.3, 1e6 / 7, 999_999_937, 1e-3} {
		synctest.Test(t, func(t *testing.T) {
			k := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: limit, Burst: 3}).For(1)
			for range 20 {
				for k.Allow() {
				}
				_, err := k.TryTake(2)
				var refused *limiter.RefusedError
				require.ErrorAs(t, err, &refused)
				_, _, _, reset := k.Quota()
				require.Greater(t, reset, refused.RetryAfter)
				time.Sleep(refused.RetryAfter - 1)
				_, err = k.TryTake(2)
				require.Error(t, err)
				time.Sleep(1)
				_, err = k.TryTake(2)
				require.NoError(t, err)
			}
		})
	}
}

func TestWhatHasBeenIdleForLongestIsDroppedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1000, Burst: 5})
		order := rand.New(rand.NewPCG(1, 1)).Perm(8)
		for i := range 8 {
			r.For(i).Allow()
		}
		for _, i := range order {
			time.Sleep(time.Second)
			r.For(i).Allow()
		}
		time.Sleep(time.Second)
		for n, i := range order {
			require.Equal(t, 1, keyed.Present(r.For(i)))
			r.For(100 + n).Allow()
			require.Zero(t, keyed.Present(r.For(i)))
		}
	})
}
