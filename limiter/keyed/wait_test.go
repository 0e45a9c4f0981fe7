package keyed_test

// This file tests waits for a rate, and costs that are put right.

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/keyed"
)

func take(t *testing.T, l limiter.Limiter, n int64) limiter.Permit {
	t.Helper()
	p, err := l.TryTake(n)
	require.NoError(t, err)
	return p
}

func left(k keyed.RateKey) int64 {
	_, remaining, _, _ := k.Quota()
	return remaining
}

func TestWhoWaitsGoesInTheOrderOfComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Limit: 1, Burst: 4})
		k := r.For(1)
		take(t, k, 4).Release()
		var order []int
		var all sync.WaitGroup
		began := time.Now()
		for i, n := range []int64{3, 1, 2} {
			all.Go(func() {
				_, err := k.Take(t.Context(), n)
				require.NoError(t, err)
				order = append(order, i)
				require.Equal(t, []time.Duration{3, 4, 6}[i]*time.Second, time.Since(began))
			})
			synctest.Wait()
		}
		time.Sleep(2 * time.Second) // there are two tokens, and someone waits for three
		require.False(t, k.Allow(), "passed the line")
		_, err := k.TryTake(1)
		var refused *limiter.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 5*time.Second, refused.RetryAfter)
		require.True(t, r.For(2).Allow(), "another key")
		all.Wait()
		require.Equal(t, []int{0, 1, 2}, order)
		stats := r.Stats()
		require.EqualValues(t, 3, stats.Waited)
		require.EqualValues(t, 4+6+1, stats.Total)
		require.Equal(t, 13*time.Second, stats.WaitTime.Sum)
		require.Zero(t, stats.Waiting)
	})
}

func TestWhoGivesUpLetsTheOthersGoEarlier(t *testing.T) {
	for leaver, want := range [][]time.Duration{{0, 1, 2}, {1, 0, 2}, {1, 2, 0}} {
		synctest.Test(t, func(t *testing.T) {
			r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1, Burst: 1})
			k := r.For(1)
			k.Allow()
			began := time.Now()
			var all sync.WaitGroup
			ctx, cancel := context.WithCancel(t.Context())
			for i := range 3 {
				all.Go(func() {
					c := t.Context()
					if i == leaver {
						c = ctx
					}
					_, err := k.Take(c, 1)
					if i == leaver {
						require.ErrorIs(t, err, context.Canceled)
						return
					}
					require.NoError(t, err)
					require.Equal(t, want[i]*time.Second, time.Since(began))
				})
				synctest.Wait()
			}
			time.Sleep(time.Second / 2)
			require.EqualValues(t, 3, r.Stats().Waiting)
			cancel()
			all.Wait()
			require.EqualValues(t, 1, r.Stats().Cancelled)
			require.EqualValues(t, 2, r.Stats().Waited)
			time.Sleep(time.Second)
			require.True(t, k.Allow())
		})
	}
}

func TestAWaitThatIsTooLongIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Limit: 1, Burst: 2})
		k := r.For(1)
		take(t, k, 2)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := k.Take(ctx, 2)
		require.ErrorIs(t, err, limiter.ErrTooLate)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var refused *limiter.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 2*time.Second, refused.RetryAfter)
		_, err = k.Take(ctx, 1)
		require.NoError(t, err, "the line is as it was")
		require.EqualValues(t, 1, r.Stats().Refused)

		still := keyed.NewRate[int](keyed.RateOptions{Burst: 1}).For(1)
		still.Allow()
		_, err = still.Take(t.Context(), 1)
		require.ErrorIs(t, err, limiter.ErrTooLate, "it would be for ever")
	})
}

func TestWaitsInTheOverflowAreALineToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1, Burst: 5})
		for i := range 8 {
			take(t, r.For(i), 5)
		}
		p := take(t, r.For(100), 5)
		began := time.Now()
		for i := range 3 {
			_, err := r.For(200+i).Take(t.Context(), 1)
			require.NoError(t, err)
			require.Equal(t, time.Duration(i+1)*time.Second, time.Since(began))
		}
		p.Settle(5)
		p.Release()
		require.EqualValues(t, 8, r.Overflow().Total)
	})
}

func TestManyWaitsThatEndLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 64, Limit: 0.001, Burst: 1})
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 2000 {
			go func() { _, _ = r.For(i%10).Take(ctx, 1) }()
		}
		synctest.Wait()
		require.EqualValues(t, 1990, r.Stats().Waiting)
		cancel()
		synctest.Wait()
		require.Zero(t, r.Stats().Waiting)
		require.EqualValues(t, 1990, r.Stats().Cancelled)
		require.EqualValues(t, 10, r.Stats().Total)
		time.Sleep(1000 * time.Second)
		for i := range 10 {
			require.True(t, r.For(i).Allow())
			require.False(t, r.For(i).Allow())
		}
	})
}

func TestWaitsAndCancelsInDisorderKeepTheBound(t *testing.T) {
	r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 20_000, Burst: 10})
	var got, calls atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				timer := time.AfterFunc(time.Duration((g*7+i)%5)*20*time.Microsecond, cancel)
				if p, err := r.For(i%2).Take(ctx, 1); err == nil {
					got.Add(1)
					p.Release()
				}
				calls.Add(1)
				timer.Stop()
				cancel()
			}
		})
	}
	all.Wait()
	stats := r.Stats()
	require.Zero(t, stats.Waiting)
	require.EqualValues(t, got.Load(), stats.Total)
	require.EqualValues(t, calls.Load(), got.Load()+int64(stats.Cancelled))
	require.LessOrEqual(t, float64(got.Load()), 2*(10+20_000*time.Since(began).Seconds()))
}

func TestACostIsPutRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keyed.NewRate[int](keyed.RateOptions{Limit: 1, Burst: 100}).For(1)
		p := take(t, k, 60)
		p.Settle(20)
		require.EqualValues(t, 80, left(k))
		p.Settle(90)
		require.EqualValues(t, 10, left(k))
		p.Settle(0)
		require.EqualValues(t, 100, left(k))
		p.Settle(150) // owed
		require.Zero(t, left(k))
		_, err := k.TryTake(1)
		var refused *limiter.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 51*time.Second, refused.RetryAfter)
		p.Release()
		p.Settle(0)
		p.Release()
		require.Zero(t, left(k))
		time.Sleep(51 * time.Second)
		require.True(t, k.Allow())
	})
}

func TestWhatIsGivenBackLetsThoseGoWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keyed.NewRate[int](keyed.RateOptions{Limit: 0.001, Burst: 100}).For(1)
		p := take(t, k, 100)
		done := make(chan error)
		go func() { _, err := k.Take(t.Context(), 30); done <- err }()
		synctest.Wait()
		began := time.Now()
		p.Settle(70)
		require.NoError(t, <-done)
		require.Equal(t, began, time.Now())
		p.Release()
	})
}

// The bucket was full in between: had the tokens never been taken, there would not
// be more now.
func TestWhatWouldHaveBeenLostDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1, Burst: 10}).For(1)
		p := take(t, k, 10)
		time.Sleep(20 * time.Second)
		take(t, k, 10)
		p.Settle(0)
		require.Zero(t, left(k))
		require.False(t, k.Allow())

		q := take(t, keyed.NewRate[int](keyed.RateOptions{Limit: 1, Burst: 10}).For(1), 10)
		time.Sleep(4 * time.Second)
		q.Settle(0)
		q.Release()
	})
}

// What others gave back may have filled the bucket as well.
func TestWhatOthersGaveBackCountsAsGained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1, Burst: 10}).For(1)
		a, b := take(t, k, 5), take(t, k, 5)
		a.Settle(0) // five
		time.Sleep(5 * time.Second)
		take(t, k, 10) // all of a full bucket
		b.Settle(0)
		require.Zero(t, left(k), "ten in a moment, and five more")
		a.Release()
		b.Release()
	})
}

func TestAPermitOfASlotThatChangedHandsTouchesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1, Burst: 2})
		stale, dear := take(t, r.For(1), 2), take(t, r.For(2), 2)
		time.Sleep(time.Minute)
		for i := range 8 {
			take(t, r.For(10+i), 2)
		}
		require.Zero(t, keyed.Present(r.For(1))+keyed.Present(r.For(2)))
		stale.Settle(0)
		for i := range 8 {
			require.Zero(t, left(r.For(10+i)))
		}
		require.EqualValues(t, 0, r.Overflow().Total)
		dear.Settle(3) // there is no slot: the overflow pays
		require.False(t, r.For(30).Allow() && r.For(31).Allow())
		time.Sleep(time.Minute)
		dear.Settle(5) // there is one again
		require.Equal(t, 1, keyed.Present(r.For(2)))
		require.Zero(t, left(r.For(2)))
		dear.Settle(math.MaxInt64) // as much as can be owed
		dear.Release()
		stale.Release()
		require.False(t, r.For(2).Allow())
	})
}

func TestSettlesAndReleasesThatMeetAddUp(t *testing.T) {
	r := keyed.NewRate[int](keyed.RateOptions{Limit: 1.0 / 1024, Burst: 1 << 20}) // whole units
	k := r.For(1)
	take(t, k, 1<<19) // far from full
	for range 500 {
		before := left(k)
		p := take(t, k, 10)
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() { p.Settle(int64(5 * i)) })
		}
		all.Wait()
		p.Settle(3)
		all.Go(p.Release)
		all.Go(func() { p.Settle(4) })
		all.Wait()
		spent := before - left(k)
		require.True(t, spent == 3 || spent == 4, spent)
	}
}

func TestInEachBubbleARateStartsAfresh(t *testing.T) {
	k := keyed.NewRate[int](keyed.RateOptions{Limit: 0.001, Burst: 2}).For(1)
	use := func(*testing.T) {
		require.EqualValues(t, 2, left(k))
		require.True(t, k.Allow())
		require.True(t, k.Allow())
		require.False(t, k.Allow())
	}
	inside := func(t *testing.T) {
		time.Sleep(time.Second)
		use(t)
		time.Sleep(1000 * time.Second)
		require.True(t, k.Allow())
	}
	use(t)
	synctest.Test(t, inside)
	synctest.Test(t, inside)
	use(t)
	synctest.Test(t, inside)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10 * 365 * 24 * time.Hour) // longer than the units reach
		require.True(t, k.Allow())
	})
}
