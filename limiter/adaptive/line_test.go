package adaptive_test

// This file tests the line: who waits, who is served next, and who has to go.

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

// queue is a limit of one unit that is taken, and who waits for it.
type queue struct {
	l      *adaptive.Limiter
	mu     sync.Mutex
	served []string
	errs   map[string]error
	first  limiter.Permit
}

func newQueue(o adaptive.Options) *queue {
	o.Max = 1
	q := &queue{l: adaptive.New(o), errs: map[string]error{}}
	q.first, _ = q.l.TryTake(1)
	return q
}

// wait has a caller wait in a bubble; it holds the unit for a millisecond once it is
// served.
func (q *queue) wait(ctx context.Context, name, client string, priority int) {
	go func() { // ends by being served or refused
		p, err := q.l.For(client, priority).Take(ctx, 1)
		q.mu.Lock()
		if err == nil {
			q.served = append(q.served, name)
		}
		q.errs[name] = err
		q.mu.Unlock()
		time.Sleep(time.Millisecond)
		p.Release()
	}()
	synctest.Wait()
}

func (q *queue) run() []string {
	q.first.Release()
	time.Sleep(time.Minute)
	return q.order()
}

func (q *queue) order() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.served)
}

func (q *queue) errOf(name string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.errs[name]
}

func TestTheLineIsServedByPriorityAndClientsInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(adaptive.Options{Wait: -1})
		for _, w := range []struct {
			name, client string
			priority     int
		}{
			{"a1", "a", 0}, {"a2", "a", 0}, {"a3", "a", 0}, {"b1", "b", 0}, {"low", "a", -1}, {"high", "c", 1}, {"b2", "b", 0}, {"high2", "c", 1},
		} {
			q.wait(t.Context(), w.name, w.client, w.priority)
		}
		require.EqualValues(t, 8, q.l.Stats().Waiting)
		require.Equal(t, []string{"high", "high2", "a1", "b1", "a2", "b2", "a3", "low"}, q.run())
	})
}

func TestNewestFirstServesTheNewestOnceTheLineStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(adaptive.Options{Wait: -1, NewestFirst: true})
		for _, name := range []string{"1", "2", "3"} {
			q.wait(t.Context(), name, "", 0)
		}
		q.first.Release()
		time.Sleep(time.Millisecond / 2)
		require.Equal(t, []string{"1"}, q.order(), "a line that is new is served in order")
		time.Sleep(time.Second)
		require.Equal(t, []string{"1", "2", "3"}, q.order())

		q.first, _ = q.l.TryTake(1)
		for _, name := range []string{"4", "5", "6"} {
			q.wait(t.Context(), name, "", 0)
		}
		time.Sleep(time.Second)
		require.Equal(t, []string{"1", "2", "3", "6", "5", "4"}, q.run())
	})
}

func TestAFullLineRefusesTheOneWithTheLeastRightToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(adaptive.Options{Wait: -1, Queue: 4})
		for _, name := range []string{"a1", "a2", "a3", "a4"} {
			q.wait(t.Context(), name, "a", 0)
		}
		q.wait(t.Context(), "a5", "a", 0)
		require.ErrorIs(t, q.errOf("a5"), limiter.ErrFull, "it has more than anybody")
		refused, _ := errors.AsType[*limiter.RefusedError](q.errOf("a5"))
		require.True(t, refused.NoWait)
		q.wait(t.Context(), "b1", "b", 0)
		require.ErrorIs(t, q.errOf("a4"), limiter.ErrFull, "b has none")
		q.wait(t.Context(), "b2", "b", 0)
		require.ErrorIs(t, q.errOf("a3"), limiter.ErrFull, "b has two less")
		q.wait(t.Context(), "b3", "b", 0)
		require.ErrorIs(t, q.errOf("b3"), limiter.ErrFull, "b has as many")
		q.wait(t.Context(), "low", "c", -1)
		require.ErrorIs(t, q.errOf("low"), limiter.ErrFull)
		q.wait(t.Context(), "high", "a", 1)
		require.ErrorIs(t, q.errOf("a2"), limiter.ErrFull, "the last of those who have the most")
		stats := q.l.Stats()
		require.EqualValues(t, 6, stats.Refused)
		require.EqualValues(t, 4, stats.Waiting)
		require.Equal(t, []string{"high", "a1", "b1", "b2"}, q.run())
	})
}

func TestNobodyWaitsLongerThanWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(adaptive.Options{Wait: 50 * time.Millisecond})
		began := time.Now()
		_, err := q.l.Take(t.Context(), 1)
		require.ErrorIs(t, err, limiter.ErrFull)
		require.Equal(t, 50*time.Millisecond, time.Since(began))
		require.Zero(t, q.l.Stats().Waiting)
		require.EqualValues(t, 1, q.l.Stats().Refused)
		q.first.Release()
	})
}

// slow is a limiter that has learned that its only worker takes a second for each.
func slow(o adaptive.Options) *adaptive.Limiter {
	o.Min, o.Max, o.Initial = 1, 1, 1
	l := adaptive.New(o)
	for range 30 {
		p, _ := l.TryTake(1)
		time.Sleep(time.Second)
		p.Release()
	}
	return l
}

func TestWhoIsKnownToWaitTooLongIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := slow(adaptive.Options{Wait: 3500 * time.Millisecond})
		require.Equal(t, time.Second, l.State().Latency)
		l.TryAcquire(1)
		began := time.Now()

		soon, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err := l.Take(soon, 1)
		require.ErrorIs(t, err, limiter.ErrTooLate)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		refused, _ := errors.AsType[*limiter.RefusedError](err)
		require.InDelta(t, time.Second, refused.RetryAfter, 1e8)

		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { _, _ = l.Take(t.Context(), 1) })
		}
		synctest.Wait()
		require.EqualValues(t, 3, l.Stats().Waiting)
		_, err = l.Take(t.Context(), 1)
		require.ErrorIs(t, err, limiter.ErrFull)
		refused, _ = errors.AsType[*limiter.RefusedError](err)
		require.InDelta(t, 4*time.Second, refused.RetryAfter, 1e8)
		require.Zero(t, time.Since(began), "no time has passed")
		wg.Wait()
	})
}

func TestTheGoalBoundsTheWaitToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := slow(adaptive.Options{Goal: 3 * time.Second})
		l.TryAcquire(1)
		began := time.Now()
		_, err := l.Take(t.Context(), 1)
		require.ErrorIs(t, err, limiter.ErrFull)
		require.Equal(t, 2*time.Second, time.Since(began), "the goal, less what it takes")
	})
}

func TestACallAboveTheLimitIsGrantedWhenItIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := adaptive.New(adaptive.Options{Max: 10, Initial: 2, Wait: -1})
		small, _ := l.Take(t.Context(), 1)
		got := make(chan limiter.Permit, 1)
		go func() { p, _ := l.Take(t.Context(), 10); got <- p }()
		synctest.Wait()
		_, tooSmall := l.TryTake(1)
		require.ErrorIs(t, tooSmall, limiter.ErrFull, "nobody passes who waits")
		small.Release()
		large := <-got
		require.EqualValues(t, 10, l.Stats().InFlight)
		large.Release()
		_, err := l.Take(t.Context(), 11)
		require.ErrorIs(t, err, limiter.ErrTooLarge)
		p, err := l.TryTake(10)
		require.NoError(t, err)
		p.Release()
	})
}

func TestWhoWaitsGoesOnWhenMaxIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := adaptive.New(adaptive.Options{Max: 1, Wait: -1})
		l.TryAcquire(1)
		got := make(chan error, 1)
		go func() { got <- l.Acquire(t.Context(), 1) }()
		synctest.Wait()
		l.SetMax(2)
		require.NoError(t, <-got)
		require.EqualValues(t, 2, l.Stats().Limit)
		l.SetMax(1)
		require.EqualValues(t, 2, l.Stats().InFlight, "what is in flight stays so")
		l.Release(1)
		require.False(t, l.TryAcquire(1))
		l.SetMax(1000)
		require.EqualValues(t, 20, l.Stats().Limit)
		l.Release(1)
	})
}

// Grants, ends of contexts, and the end of patience meet in every way; in the end
// nothing is held and nobody waits.
func TestNothingIsLostWhereGrantAndGivingUpMeet(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			l := adaptive.New(adaptive.Options{Max: 3, Initial: 3, Queue: 8, Wait: 3 * time.Millisecond, WaitTime: true})
			var wg sync.WaitGroup
			for range 200 {
				n := 1 + random.Int64N(3)
				patience := time.Duration(random.IntN(6)) * time.Millisecond
				hold := time.Duration(random.IntN(3)) * time.Millisecond
				priority, end := random.IntN(3), random.IntN(4)
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					p, err := l.For("", priority).Take(ctx, n)
					if err != nil {
						return
					}
					time.Sleep(hold)
					switch end {
					case 0:
						p.Drop()
					case 1:
						p.Ignore()
					case 2:
						p.Settle(0)
					}
					p.Release()
				})
				if random.IntN(3) == 0 {
					time.Sleep(time.Duration(random.IntN(2)) * time.Millisecond)
				}
			}
			wg.Wait()
			stats := l.Stats()
			require.Zero(t, stats.InFlight)
			require.Zero(t, stats.Waiting)
			waits := uint64(0)
			for _, n := range stats.WaitTime.Counts {
				waits += n
			}
			require.Equal(t, stats.Waited, waits)
			for range 3 {
				_, err := l.TryTake(1)
				require.NoError(t, err, "all of it is there")
			}
		})
	}
}

// The same, on real processors.
func TestTheLimitHoldsUnderStress(t *testing.T) {
	l := adaptive.New(adaptive.Options{Min: 4, Max: 4, Initial: 4, Wait: 100 * time.Microsecond})
	var mu sync.Mutex
	inFlight, granted := int64(0), uint64(0)
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(g, 2))
			for range 3000 {
				n := 1 + random.Int64N(2)
				var p limiter.Permit
				var err error
				if random.IntN(2) == 0 {
					p, err = l.TryTake(n)
				} else {
					p, err = l.Take(t.Context(), n)
				}
				if err != nil {
					continue
				}
				mu.Lock()
				inFlight += n
				granted += uint64(n)
				over := inFlight > 4
				inFlight -= n // before the release, so that it is never counted too long
				mu.Unlock()
				if over {
					t.Error("more in flight than the limit")
				}
				p.Release()
			}
		})
	}
	wg.Wait()
	stats := l.Stats()
	require.Zero(t, stats.InFlight)
	require.GreaterOrEqual(t, stats.Total, granted)
}
