package limiter_test

// This file tests that a composition takes all or nothing, in an order in which
// nobody waits in a circle.

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

func TestAllIsTakenOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places, bytes := semaphore.NewWeighted(2), semaphore.NewWeighted(100)
		events, calls := rate.NewLimiter(1, 3), rate.NewLimiter(1, 10)
		all := limiter.All(events, bytes, calls, places)

		p, err := all.TryTakeEach(1, 60, 1, 1)
		require.NoError(t, err)
		require.EqualValues(t, 60, bytes.Stats().InFlight)
		require.EqualValues(t, 1, places.Stats().InFlight)

		_, err = all.TryTakeEach(1, 60, 1, 1)
		require.ErrorIs(t, err, limiter.ErrFull)
		_, err = all.TryTakeEach(3, 10, 2, 1)
		require.ErrorIs(t, err, limiter.ErrLimited)
		require.EqualValues(t, 60, bytes.Stats().InFlight)
		require.EqualValues(t, 1, places.Stats().InFlight)
		require.EqualValues(t, 2, events.Tokens())
		require.EqualValues(t, 9, calls.Tokens())

		p.Release()
		p.Release()
		require.Zero(t, bytes.Stats().InFlight+places.Stats().InFlight)
		require.EqualValues(t, 2, events.Tokens(), "what happened has happened")
		require.EqualValues(t, 2, all.Stats().Refused)
	})
}

func TestARefusalCarriesTheLongestRetryAfterOfAllRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast, slow := rate.NewLimiter(10, 1), rate.NewLimiter(1, 1)
		all := limiter.All(fast, slow)
		_, err := all.TryTake(1)
		require.NoError(t, err)
		var refused *limiter.RefusedError
		for _, all := range []*limiter.Composite{all, limiter.All(slow, fast)} {
			_, err = all.TryTake(1)
			require.ErrorAs(t, err, &refused)
			require.Equal(t, limiter.RefusedError{Reason: limiter.ErrLimited, RetryAfter: time.Second}, *refused)
		}

		soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err = all.Take(soon, 1)
		require.ErrorAs(t, err, &refused)
		require.Equal(t, limiter.RefusedError{Reason: limiter.ErrTooLate, RetryAfter: time.Second}, *refused)

		then, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = all.Take(then, 1)
		require.ErrorIs(t, err, limiter.ErrTooLate, "at the very deadline ctx is done")

		slow.SetLimit(0)
		_, err = all.Take(t.Context(), 1)
		require.ErrorAs(t, err, &refused)
		require.Equal(t, time.Duration(math.MaxInt64), refused.RetryAfter, "never")
		time.Sleep(time.Second)
		require.EqualValues(t, 1, fast.Tokens(), "the other rate has its token back")
	})
}

func TestTooLargeForOneIsTooLargeForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places, events := semaphore.NewWeighted(2), rate.NewLimiter(1, 5)
		all := limiter.All(places, events)
		for _, cost := range [][]int64{{3, 1}, {1, 6}} {
			_, err := all.TakeEach(t.Context(), cost...)
			require.ErrorIs(t, err, limiter.ErrTooLarge, "%v", cost)
			_, err = all.TryTakeEach(cost...)
			require.ErrorIs(t, err, limiter.ErrTooLarge, "%v", cost)
		}
		require.Zero(t, places.Stats().InFlight)
		require.EqualValues(t, 5, events.Tokens())
	})
}

func TestACompositionWaitsForTheLatestTurnAndThenHasEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places := semaphore.NewWeighted(1)
		fast, slow := rate.NewLimiter(10, 1), rate.NewLimiter(0.5, 1)
		all := limiter.All(slow, places, fast)
		first, err := all.Take(t.Context(), 1)
		require.NoError(t, err)
		began := time.Now()
		time.AfterFunc(time.Second, first.Release)
		second, err := all.Take(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, time.Since(began), "a second for the place, and then until the turn")
		require.EqualValues(t, 1, places.Stats().InFlight)
		require.EqualValues(t, 1, all.Stats().Waited)
		require.Equal(t, time.Second, all.Stats().WaitTime.Sum)
		second.Release()
	})
}

func TestWhoGivesUpGivesEverythingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places, full := semaphore.NewWeighted(1), semaphore.NewWeighted(1)
		events := rate.NewLimiter(1, 1)
		busy := errors.New("busy")
		gone, cancel := context.WithCancelCause(t.Context())
		cancel(busy)

		_, err := limiter.All(places, events).Take(gone, 1)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, busy)

		require.True(t, full.TryAcquire(1))
		later, cancel2 := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel2(busy) })
		both := limiter.All(places, full)
		_, err = both.Take(later, 1)
		require.ErrorIs(t, err, busy)
		require.EqualValues(t, 1, both.Stats().Cancelled)
		require.Zero(t, places.Stats().InFlight)

		require.True(t, events.Allow())
		again, cancel3 := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second/2, func() { cancel3(busy) })
		_, err = limiter.All(places, events).Take(again, 1)
		require.ErrorIs(t, err, busy)
		require.Zero(t, places.Stats().InFlight)
		require.InDelta(t, 0.5, events.Tokens(), 1e-6, "the booking came back")

		others, cancel4 := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second/4, func() { cancel4(busy) })
		calls := rate.NewLimiter(1, 1)
		two := limiter.All(places, calls, events)
		_, err = two.Take(others, 1)
		require.ErrorIs(t, err, busy)
		require.Zero(t, places.Stats().InFlight)
		require.InDelta(t, 0.75, events.Tokens(), 1e-6)
		require.InDelta(t, 1, calls.Tokens(), 1e-6)
		require.EqualValues(t, 1, two.Stats().Cancelled)
		require.Zero(t, two.Stats().Waiting+int64(two.Stats().Waited))
	})
}

func TestAWaitForASingleRateEndsEarlierWhenTheRateIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := rate.NewLimiter(rate.Every(time.Hour), 1)
		require.True(t, events.Allow())
		began := time.Now()
		time.AfterFunc(time.Minute, func() { events.SetLimit(rate.Every(time.Second)) })
		_, err := limiter.All(events, semaphore.NewWeighted(1)).Take(t.Context(), 1)
		require.NoError(t, err)
		require.Less(t, time.Since(began), 2*time.Minute)
	})
}

func TestATurnThatMeetsTheEndOfTheContextLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := rate.NewLimiter(1, 1)
		require.True(t, events.Allow())
		ctx, cancel := context.WithCancel(t.Context())
		defer time.AfterFunc(time.Second, cancel).Stop()
		_, err := limiter.All(events).Take(ctx, 1)
		if err != nil { // both at once: either the token came back or it is ours
			require.ErrorIs(t, err, context.Canceled)
			require.InDelta(t, 1, events.Tokens(), 1e-6)
			return
		}
		require.InDelta(t, 0, events.Tokens(), 1e-6)
	})
}

// enforced is a shadow that was turned on.
func enforced(l limiter.Limiter) limiter.Limiter {
	s := limiter.Shadow(l)
	s.Enforce(true)
	return s
}

// Two that take the same two limits in different orders would wait for each
// other if they took them as they are given.
func TestTwoCompositionsOfTheSameLimitsNeverWaitInACircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := semaphore.NewWeighted(1), semaphore.NewWeighted(1)
		orders := []limiter.Limiter{
			limiter.All(a, b), limiter.All(b, a),
			limiter.All(limiter.Watch(b), limiter.Watch(a)),
			limiter.All(enforced(b), enforced(a)),
			limiter.All(limiter.All(b), limiter.All(rate.NewLimiter(rate.Inf, 0), a)),
			limiter.All(limiter.All(limiter.Watch(enforced(b))), limiter.Watch(a)),
			limiter.Watch(limiter.All(b, enforced(limiter.Watch(a)))),
			enforced(limiter.All(b, a)),
		}
		var all sync.WaitGroup
		for i := range 4000 {
			all.Go(func() {
				p, err := orders[i%len(orders)].Take(t.Context(), 1)
				require.NoError(t, err)
				time.Sleep(time.Microsecond)
				p.Release()
			})
		}
		all.Wait() // a circle would be a deadlock, which ends the bubble
		require.Zero(t, a.Stats().InFlight+b.Stats().InFlight)
	})
}

func TestACompositionSettlesItsRatesAndKeepsItsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		places, tokens := semaphore.NewWeighted(2), rate.NewLimiter(1, 1000)
		all := limiter.All(places, tokens)
		p, err := all.TakeEach(t.Context(), 1, 100)
		require.NoError(t, err)
		p.Settle(0) // it came from a cache
		require.EqualValues(t, 1000, tokens.Tokens())
		require.EqualValues(t, 1, places.Stats().InFlight)
		p.Settle(1500) // and then it didn't
		require.EqualValues(t, -500, tokens.Tokens())
		p.Release()
		p.Settle(0)
		require.EqualValues(t, -500, tokens.Tokens())
		require.Zero(t, places.Stats().InFlight)
	})
}

func TestAMisuseOfOneLimitKeepsNothingOfTheOthers(t *testing.T) {
	const misuse = "semaphore: released more than held"
	synctest.Test(t, func(t *testing.T) {
		for victim := range 3 {
			var places []*semaphore.Weighted
			var limits []limiter.Limiter
			for range 3 {
				places = append(places, semaphore.NewWeighted(1))
				limits = append(limits, places[len(places)-1])
			}
			all := limiter.All(limits...)
			p, err := all.TryTake(1)
			require.NoError(t, err)
			places[victim].Release(1)
			require.PanicsWithValue(t, misuse, p.Release)
			p.Release()
			for i, s := range places {
				require.Zero(t, s.Stats().InFlight, "%d of those with %d", i, victim)
			}

			last := semaphore.NewWeighted(1)
			all = limiter.All(append(limits, last)...)
			require.True(t, last.TryAcquire(1))
			ctx, cancel := context.WithCancel(t.Context())
			recovered := make(chan any, 1)
			go func() {
				defer func() { recovered <- recover() }()
				_, _ = all.Take(ctx, 1)
			}()
			synctest.Wait()
			places[victim].Release(1)
			cancel()
			require.Equal(t, misuse, <-recovered)
			for i, s := range places {
				require.Zero(t, s.Stats().InFlight, "%d of those with %d", i, victim)
			}
		}
	})
}

func TestStrangersAreTakenFromInTheOrderGivenAndGivenBack(t *testing.T) {
	first, second := &foreign{free: 5}, &foreign{free: 3}
	places := semaphore.NewWeighted(9)
	all := limiter.All(first, second, places)
	p, err := all.TakeEach(t.Context(), 2, 3, 9)
	require.NoError(t, err)
	require.EqualValues(t, 3, first.left())
	require.Zero(t, second.left())
	_, err = all.TryTakeEach(1, 1, 0)
	require.ErrorIs(t, err, limiter.ErrFull)
	require.EqualValues(t, 3, first.left())
	p.Release()
	require.EqualValues(t, 5, first.left())
	require.EqualValues(t, 3, second.left())
	require.Zero(t, places.Stats().InFlight)

	asked := first.asked
	_, err = all.TryTakeEach(1, 1, 10)
	require.ErrorIs(t, err, limiter.ErrTooLarge)
	require.Equal(t, asked, first.asked, "the semaphore comes before them")
}

func TestACompositionOfNothingGrantsEverything(t *testing.T) {
	all := limiter.All()
	p, err := all.Take(t.Context(), 7)
	require.NoError(t, err)
	p.Settle(3)
	p.Release()
	_, err = all.TryTakeEach()
	require.NoError(t, err)
}

func TestACompositionOfMoreLimitsThanAnyoneHas(t *testing.T) {
	var limits []limiter.Limiter
	var places []*semaphore.Weighted
	var rates []*rate.Limiter
	for range 20 {
		places = append(places, semaphore.NewWeighted(1))
		rates = append(rates, rate.NewLimiter(0, 2))
		limits = append(limits, places[len(places)-1], rates[len(rates)-1])
	}
	all := limiter.All(limits...)
	for range 2 {
		p, err := all.Take(t.Context(), 1)
		require.NoError(t, err)
		p.Settle(2)
		p.Settle(1)
		p.Release()
	}
	_, err := all.TryTake(1)
	require.ErrorIs(t, err, limiter.ErrLimited)
	for i := range places {
		require.Zero(t, places[i].Stats().InFlight)
		require.Zero(t, rates[i].Tokens())
	}
}

// Random programs on compositions over shared limits end with everything given
// back, and no limit ever held more than it has.
func TestNothingIsLostAmongManyCompositions(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			var limits []limiter.Limiter
			var places []*semaphore.Weighted
			for range 4 {
				places = append(places, semaphore.NewWeighted(1+random.Int64N(4)))
				limits = append(limits, places[len(places)-1])
			}
			events := rate.NewLimiter(100, 20)
			limits = append(limits, events, limiter.Watch(rate.NewLimiter(50, 10)))
			var all sync.WaitGroup
			for range 60 {
				picked := random.Perm(len(limits))[:1+random.IntN(len(limits))]
				var some []limiter.Limiter
				for _, i := range picked {
					some = append(some, limits[i])
				}
				c := limiter.All(some...)
				n, patience := 1+random.Int64N(2), time.Duration(random.Int64N(int64(time.Second)))
				hold, try, cost := time.Duration(random.Int64N(int64(time.Second/10))), random.IntN(3) == 0, random.Int64N(4)
				all.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					p, err := limiter.Permit{}, error(nil)
					if try {
						p, err = c.TryTake(n)
					} else {
						p, err = c.Take(ctx, n)
					}
					if err != nil {
						return
					}
					time.Sleep(hold)
					for _, s := range places {
						stats := s.Stats()
						require.LessOrEqual(t, stats.InFlight, stats.Limit)
					}
					p.Settle(cost)
					p.Release()
				})
			}
			all.Wait()
			for _, s := range places {
				require.Zero(t, s.Stats().InFlight)
				require.Zero(t, s.Stats().Waiting)
			}
			time.Sleep(time.Hour)
			require.EqualValues(t, 20, events.Tokens())
		})
	}
}
