package limiter_test

// This file tests compositions in which a limit is there more than once, or hides
// inside another.

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

// Two callers of which each has one unit, and waits for the second, would wait
// for ever.
func TestALimitThatIsGivenTwiceIsTakenFromOnce(t *testing.T) {
	for name, of := range map[string]func(a, b limiter.Limiter) limiter.Limiter{
		"twice":              func(a, b limiter.Limiter) limiter.Limiter { return limiter.All(b, a, b) },
		"within and here":    func(a, b limiter.Limiter) limiter.Limiter { return limiter.All(limiter.All(a, b), b) },
		"here and within":    func(a, b limiter.Limiter) limiter.Limiter { return limiter.All(b, limiter.All(b, a)) },
		"within twice":       func(a, b limiter.Limiter) limiter.Limiter { return limiter.All(limiter.All(b, a, b)) },
		"within two":         func(a, b limiter.Limiter) limiter.Limiter { return limiter.All(limiter.All(b), limiter.All(a, b)) },
		"a watch":            func(a, b limiter.Limiter) limiter.Limiter { w := limiter.Watch(b); return limiter.All(w, a, w) },
		"an enforced shadow": func(a, b limiter.Limiter) limiter.Limiter { s := enforced(b); return limiter.All(s, a, s) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := semaphore.NewWeighted(5), semaphore.NewWeighted(2)
				all := of(a, b)
				require.True(t, b.TryAcquire(2))
				var both sync.WaitGroup
				for range 2 {
					both.Go(func() {
						p, err := all.Take(t.Context(), 1)
						require.NoError(t, err)
						require.EqualValues(t, 2, b.Stats().InFlight)
						time.Sleep(time.Second)
						p.Release()
					})
				}
				synctest.Wait()
				b.Release(2)
				both.Wait() // a circle would be a deadlock, which ends the bubble
				require.Zero(t, a.Stats().InFlight+b.Stats().InFlight)

				_, err := all.TryTake(2)
				require.ErrorIs(t, err, limiter.ErrTooLarge, "twice as much as there is")
				require.Zero(t, a.Stats().InFlight+b.Stats().InFlight)
			})
		})
	}
}

func TestALimitThatIsGivenTwiceCostsTheSum(t *testing.T) {
	a, b := semaphore.NewWeighted(100), semaphore.NewWeighted(math.MaxInt64-1)
	events := rate.NewLimiter(0, 100)
	twice := limiter.All(b, b)
	all := limiter.All(a, twice, events, b, limiter.All(events, a))
	p, err := all.TryTakeEach(1, 20, 3, 4, 50)
	require.NoError(t, err)
	require.EqualValues(t, 1+50, a.Stats().InFlight)
	require.EqualValues(t, 20+20+4, b.Stats().InFlight)
	require.EqualValues(t, 100-3-50, events.Tokens())
	p.Release()
	require.Zero(t, a.Stats().InFlight+b.Stats().InFlight)

	_, err = twice.TryTake(math.MaxInt64 / 2)
	require.NoError(t, err)
	_, err = twice.TryTake(math.MaxInt64)
	require.ErrorIs(t, err, limiter.ErrTooLarge, "the sum is more than an int64 has room for")
}

// One can be compared with another and taken for the same, one is of a type that
// can't be compared.
func TestStrangersThatAreGivenTwice(t *testing.T) {
	one := &foreign{free: 5}
	p, err := limiter.All(one, one).TryTake(2)
	require.NoError(t, err)
	require.Equal(t, 1, one.asked)
	require.EqualValues(t, 1, one.left())
	p.Release()
	many := strangers{one}
	p, err = limiter.All(many, many).TryTake(2)
	require.NoError(t, err)
	require.Equal(t, 3, one.asked)
	p.Release()
	require.EqualValues(t, 5, one.left())
}

// strangers are a limit that can't be compared.
type strangers []limiter.Limiter

func (s strangers) TryTake(n int64) (limiter.Permit, error) { return s[0].TryTake(n) }

func (s strangers) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	return s[0].Take(ctx, n)
}

func TestOneLimitInSeveralGuisesIsRefused(t *testing.T) {
	s, f := semaphore.NewWeighted(1), &foreign{}
	type embeds struct{ *semaphore.Weighted }
	for i, limits := range [][]limiter.Limiter{
		{s, limiter.Watch(s)},
		{limiter.Shadow(s), s},
		{limiter.Watch(s), limiter.Watch(s)},
		{limiter.All(semaphore.NewWeighted(1), limiter.Watch(s)), limiter.All(limiter.Watch(limiter.Shadow(s)))},
		{embeds{s}, s},
		{f, limiter.Watch(f)},
		{limiter.Watch(f), limiter.Shadow(f)},
	} {
		require.PanicsWithValue(t, "limiter: All with one limit in several guises", func() { limiter.All(limits...) }, i)
	}
	events := rate.NewLimiter(1, 1)
	require.NotPanics(t, func() { limiter.All(events, limiter.Watch(events), limiter.Shadow(events)) }, "nobody waits for who has tokens")
	require.NotPanics(t, func() { limiter.All(limiter.Watch(strangers{f}), strangers{f}) }, "nobody can tell")
}

// Of what is inside, one limit can come before one that is outside, and one after.
func TestACompositionInsideShadowOrWatchCannotBeComposed(t *testing.T) {
	a, b := semaphore.NewWeighted(1), semaphore.NewWeighted(1)
	for i, inner := range []limiter.Limiter{
		limiter.Watch(limiter.All(a)),
		limiter.Shadow(limiter.All(a, rate.NewLimiter(1, 1))),
		limiter.Watch(limiter.Shadow(limiter.Watch(limiter.All()))),
	} {
		const refused = "limiter: All with a composition inside Shadow or Watch"
		require.PanicsWithValue(t, refused, func() { limiter.All(b, inner) }, i)
		require.PanicsWithValue(t, refused, func() { limiter.All(limiter.All(inner)) }, i)
	}
}
