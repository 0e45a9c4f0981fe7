package rate_test

// This file tests the line of those who wait: that it moves forward, keeps its
// order, and leaves nothing behind.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
)

// drained is a limiter without tokens.
func drained(limit rate.Limit, burst int) *rate.Limiter {
	lim := rate.NewLimiter(limit, burst)
	lim.AllowN(time.Now(), burst)
	return lim
}

// line is goroutines that wait, one behind the other.
type line struct {
	lim   *rate.Limiter
	all   sync.WaitGroup
	began time.Time

	mu   sync.Mutex
	left []string // who got its tokens, and when
}

func (l *line) wait(ctx context.Context, name string, n int) {
	l.all.Go(func() {
		err := l.lim.WaitN(ctx, n)
		l.mu.Lock()
		defer l.mu.Unlock()
		if err == nil {
			l.left = append(l.left, fmt.Sprint(name, " ", time.Since(l.began)))
		}
	})
	synctest.Wait()
}

func (l *line) results() []string {
	l.all.Wait()
	return l.left
}

func TestThoseWhoWaitLeaveEarlierWhenTheLimitIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{lim: drained(1, 1), began: time.Now()}
		for _, name := range []string{"a", "b", "c"} {
			l.wait(t.Context(), name, 1)
		}
		time.Sleep(time.Second / 2)
		l.lim.SetLimit(10)
		require.Equal(t, []string{"a 550ms", "b 650ms", "c 750ms"}, l.results())
	})
}

func TestThoseWhoWaitLeaveAtOnceWhenThereIsNoLimitAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{lim: drained(rate.Every(time.Hour), 5), began: time.Now()}
		l.wait(t.Context(), "a", 5)
		l.wait(t.Context(), "b", 1)
		l.lim.SetLimit(rate.Inf)
		require.ElementsMatch(t, []string{"a 0s", "b 0s"}, l.results())
	})
}

func TestThoseWhoWaitLeaveEarlierWhenSomeoneBeforeThemGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{lim: drained(1, 5), began: time.Now()}
		first, cancel := context.WithCancel(t.Context())
		l.wait(first, "a", 5)
		l.wait(t.Context(), "b", 2)
		time.Sleep(time.Second)
		cancel()
		require.Equal(t, []string{"b 2s"}, l.results())

		reserved := l.lim.ReserveN(time.Now(), 5)
		l.began = time.Now()
		l.wait(t.Context(), "c", 1)
		reserved.Cancel()
		require.Equal(t, []string{"b 2s", "c 1s"}, l.results())
	})
}

func TestThoseWhoWaitLeaveEarlierWhenAPermitTurnsOutCheaper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lim := rate.NewLimiter(1, 10)
		permit, err := lim.Take(t.Context(), 10)
		require.NoError(t, err)
		l := &line{lim: lim, began: time.Now()}
		l.wait(t.Context(), "a", 5)
		permit.Settle(6)
		permit.Release()
		require.Equal(t, []string{"a 1s"}, l.results())
	})
}

func TestAWaitThatWasToldThatItWillMakeItsDeadlineDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{lim: drained(1, 1), began: time.Now()}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		l.wait(ctx, "a", 1)
		l.wait(ctx, "b", 1)
		time.Sleep(time.Second / 2)
		l.lim.SetLimit(2)
		l.lim.SetLimit(0)
		require.Equal(t, []string{"a 750ms", "b 1.25s"}, l.results())
		require.Zero(t, l.lim.Tokens()+0.5+0.5+0.5, "what was promised is owed")
	})
}

func TestACostThatTurnsOutHigherIsOwedByThoseWhoComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lim := rate.NewLimiter(1, 10)
		permit, err := lim.TryTake(10)
		require.NoError(t, err)
		l := &line{lim: lim, began: time.Now()}
		l.wait(t.Context(), "a", 2)
		permit.Settle(15)
		l.wait(t.Context(), "b", 1)
		require.Equal(t, []string{"a 2s", "b 8s"}, l.results())
		permit.Settle(10)
		permit.Release()
		require.Equal(t, 5.0, lim.Tokens(), "a debt that is settled comes back")
	})
}

func TestABookingMadeBehindOneThatWaitsDoesNotMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{lim: drained(1, 10), began: time.Now()}
		ctx, cancel := context.WithCancel(t.Context())
		l.wait(ctx, "a", 4)
		permit, wait, err := l.lim.Book(3, time.Minute)
		require.NoError(t, err)
		require.Equal(t, 7*time.Second, wait)
		l.wait(t.Context(), "b", 2)
		cancel()
		synctest.Wait()
		// At 7 s the booking uses 3 at once, so no more than 7 may be left by then.
		require.Equal(t, []string{"b 5s"}, l.results())
		permit.Settle(0)
		permit.Release()
		require.Equal(t, 3.0, l.lim.Tokens())
	})
}

func TestTheLineOutlivesEveryKindOfRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lim := drained(1, 3)
		for _, take := range []func(ctx context.Context, n int64) error{
			func(ctx context.Context, n int64) error { return lim.WaitN(ctx, int(n)) },
			func(ctx context.Context, n int64) error { _, err := lim.Take(ctx, n); return err },
		} {
			busy := errors.New("busy")
			done, cancel := context.WithCancelCause(t.Context())
			cancel(busy)
			soon, cancel2 := context.WithTimeout(t.Context(), time.Second)
			defer cancel2()
			require.ErrorIs(t, take(done, 9), context.Canceled, "before too large")
			require.ErrorIs(t, take(soon, 4), limiter.ErrTooLarge)
			err := take(soon, 2)
			var refused *limiter.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, limiter.RefusedError{Reason: limiter.ErrTooLate, RetryAfter: 2 * time.Second}, *refused)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Zero(t, lim.Tokens())
		require.EqualValues(t, 3, lim.Stats().Total)
	})
}

func TestTheDeadlineErrorOfTakeSaysWhyAndThatOfWaitIsTheContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lim, busy := drained(rate.Every(time.Hour), 1), errors.New("busy")
		for range 2 {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(busy) })
			_, err := lim.Take(ctx, 1)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, busy)
			require.True(t, lim.Wait(ctx) == context.Canceled)
		}
		require.EqualValues(t, 4, lim.Stats().Cancelled)
	})
}

func TestAHundredThousandCancelledWaitsLeaveNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes memory")
	}
	lim, before := drained(rate.Every(time.Hour), 1), int64(0)
	for i := range 11 {
		if i == 1 { // what goroutines leave behind themselves is there by now
			before = heap()
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 10_000 {
			all.Go(func() { _ = lim.Wait(ctx) })
		}
		for lim.Stats().Waiting < 10_000 {
			runtime.Gosched()
		}
		cancel()
		all.Wait()
	}
	stats := lim.Stats()
	require.EqualValues(t, 110_000, stats.Cancelled)
	require.Zero(t, stats.Waiting)
	require.InDelta(t, 0, lim.Tokens(), 0.01)
	require.Less(t, heap()-before, int64(1<<20))
	runtime.KeepAlive(lim)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// queue is the line as a model, in eighths of a second and of a token: nothing
// is taken in advance, whoever is first takes when there is enough, or when it was
// promised at the latest.
type queue struct {
	limit, burst, tokens, now int64
	waiting                   []*place
	order                     []int
	waited, cancelled, total  uint64
}

type place struct {
	id, n   int
	promise int64
	cancel  context.CancelFunc
}

func (q *queue) serve() {
	for len(q.waiting) > 0 {
		p := q.waiting[0]
		if q.tokens < int64(8*p.n) && q.now < p.promise {
			return
		}
		q.tokens -= int64(8 * p.n)
		q.total += uint64(p.n)
		q.waited++
		q.order = append(q.order, p.id)
		q.waiting = q.waiting[1:]
	}
}

// turns returns when those who wait would leave if nothing changed.
func (q *queue) turns(f func(p *place, turn int64)) (missing int64) {
	missing = -q.tokens
	for _, p := range q.waiting {
		missing += int64(8 * p.n)
		turn := q.now
		if missing > 0 {
			turn += (missing + q.limit - 1) / q.limit
		}
		f(p, turn)
	}
	return missing
}

func (q *queue) tick() {
	q.now++
	q.tokens += q.limit
	q.serve()
	q.tokens = min(q.tokens, 8*q.burst) // whoever waited took before that was full
}

func TestTheLineMovesAsInTheModel(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { runLine(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func runLine(t *testing.T, random *rand.Rand) {
	lim := drained(2, 6)
	q := &queue{limit: 2, burst: 6, total: 6}
	var all sync.WaitGroup
	var mu sync.Mutex
	var order []int
	log := ""
	for id := range 60 {
		switch op := random.IntN(9); {
		case op < 4:
			ctx, cancel := context.WithCancel(t.Context())
			p := &place{id: id, n: 1 + random.IntN(6), cancel: cancel}
			log += fmt.Sprintf("; %d waits for %d", id, p.n)
			q.waiting = append(q.waiting, p)
			immediate := len(q.waiting) == 1 && q.tokens >= int64(8*p.n)
			q.turns(func(other *place, turn int64) {
				if other == p {
					p.promise = turn
				}
			})
			if immediate {
				q.waited-- // serve counts it
			}
			q.serve()
			all.Go(func() {
				if lim.WaitN(ctx, p.n) == nil {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, id)
				}
			})
		case op == 4 && len(q.waiting) > 0:
			i := random.IntN(len(q.waiting))
			log += fmt.Sprintf("; %d gives up", q.waiting[i].id)
			q.waiting[i].cancel()
			q.waiting = append(q.waiting[:i:i], q.waiting[i+1:]...)
			q.cancelled++
			q.serve()
		case op == 5:
			limit := int64(1) << random.IntN(4)
			log += fmt.Sprintf("; limit %d", limit)
			q.turns(func(p *place, turn int64) { p.promise = min(p.promise, turn) })
			q.limit = limit
			lim.SetLimit(rate.Limit(limit))
		case op == 6:
			n := int64(1 + random.IntN(3))
			granted := len(q.waiting) == 0 && q.tokens >= 8*n
			log += fmt.Sprintf("; allow %d: %v", n, granted)
			if granted {
				q.tokens -= 8 * n
				q.total += uint64(n)
			}
			require.Equal(t, granted, lim.AllowN(time.Now(), int(n)), log)
		}
		synctest.Wait()
		check := func() {
			owed := q.turns(func(*place, int64) {})
			require.Equal(t, float64(-owed)/8, lim.Tokens(), log)
			s := lim.Stats()
			require.Equal(t, []uint64{q.waited, q.cancelled, q.total, uint64(len(q.waiting))},
				[]uint64{s.Waited, s.Cancelled, s.Total, uint64(s.Waiting)}, log)
			mu.Lock()
			defer mu.Unlock()
			// Those who leave at one instant are woken in any order.
			slices.Sort(q.order)
			slices.Sort(order)
			require.True(t, slices.Equal(q.order, order), "%s; left: %v, not %v", log, order, q.order)
		}
		check()
		for range random.IntN(8) {
			time.Sleep(eighth)
			q.tick()
			synctest.Wait()
			log += "."
			check()
		}
	}
	for _, p := range q.waiting {
		p.cancel()
	}
	all.Wait()
}
