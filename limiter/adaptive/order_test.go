package adaptive_test

// This file tests the corners of who is served next, and of who has to leave for whom.

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

// fixed is a limiter whose limit stays n, and the options but for that.
func fixed(n int64, o adaptive.Options) *adaptive.Limiter {
	o.Min, o.Max = n, n
	return adaptive.New(o)
}

// line is a limiter of one unit, that is held, and who waits for it.
type line struct {
	t      *testing.T
	l      *adaptive.Limiter
	holds  limiter.Permit
	calls  map[string]*call
	served []string // in this order; the one that runs appends
	ctx    context.Context
}

func newLine(t *testing.T, o adaptive.Options) *line {
	q := &line{t: t, l: fixed(1, o), calls: map[string]*call{}}
	var cancel context.CancelFunc
	q.ctx, cancel = context.WithCancel(t.Context())
	t.Cleanup(cancel) // of those who still wait, when the bubble is over
	var err error
	q.holds, err = q.l.TryTake(1)
	require.NoError(t, err)
	return q
}

// join has one get in line, who releases as soon as it is served.
func (q *line) join(name, client string, priority int) *call {
	c := start(func() (limiter.Permit, error) {
		p, err := q.l.For(client, priority).Take(q.ctx, 1)
		if err == nil {
			q.served = append(q.served, name)
			p.Release()
		}
		return p, err
	})
	q.calls[name] = c
	synctest.Wait()
	return c
}

// order lets the line go, and returns in which order it was served.
func (q *line) order() []string {
	q.holds.Release()
	synctest.Wait()
	require.Zero(q.t, q.l.Stats().Waiting)
	require.Zero(q.t, q.l.Stats().InFlight)
	return q.served
}

func TestTheHighestPriorityIsServedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, adaptive.Options{})
		for i, p := range []int{0, -1, 7, math.MinInt, math.MaxInt, 7} {
			q.join(string(rune('a'+i)), "", p)
		}
		require.Equal(t, []string{"e", "c", "f", "a", "b", "d"}, q.order())
	})
}

func TestWhoLeavesTheLineLosesNoTurnForItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, adaptive.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		c := start(func() (limiter.Permit, error) { return q.l.For("a", 0).Take(ctx, 1) })
		synctest.Wait()
		for _, name := range []string{"b1", "a2", "b2"} {
			q.join(name, name[:1], 0)
		}
		cancel()
		synctest.Wait()
		require.Equal(t, gaveUp, c.verdict())
		require.Equal(t, []string{"a2", "b1", "b2"}, q.order())
	})
}

func TestTheNewestIsServedFirstOnlyOnceTheLineStands(t *testing.T) {
	for _, c := range []struct {
		stands time.Duration
		newest bool
		order  []string
	}{
		{150 * time.Millisecond, true, []string{"a1", "b1", "a2", "b2", "a3"}},
		{250 * time.Millisecond, true, []string{"a3", "b2", "a2", "b1", "a1"}},
		{250 * time.Millisecond, false, []string{"a1", "b1", "a2", "b2", "a3"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			q := newLine(t, adaptive.Options{NewestFirst: c.newest})
			for _, name := range []string{"a1", "a2", "b1", "b2", "a3"} {
				q.join(name, name[:1], 0)
			}
			time.Sleep(c.stands)
			require.Equal(t, c.order, q.order(), "%v, %v", c.stands, c.newest)
		})
	}
}

func TestAFullLineMakesRoomForAHigherPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, adaptive.Options{Queue: 3})
		q.join("low", "a", -1)
		q.join("first", "b", 0)
		q.join("second", "b", 0)
		q.join("high", "b", 1)
		require.ErrorIs(t, q.calls["low"].err, limiter.ErrFull)
		q.join("higher", "b", 2)
		require.ErrorIs(t, q.calls["second"].err, limiter.ErrFull, "the last of them")
		require.Equal(t, full, q.join("late", "b", 0).verdict())
		require.Equal(t, full, q.join("low again", "c", -1).verdict())
		require.Equal(t, []string{"higher", "high", "first"}, q.order())
	})
}

// A large call waits for room; one that comes before it by its priority and has
// room was kept waiting until the next end.
func TestWhoComesBeforeALargeCallAndFitsIsServedAtOnce(t *testing.T) {
	for name, o := range map[string]adaptive.Options{"beside it": {}, "in its place": {Queue: 1}} {
		synctest.Test(t, func(t *testing.T) {
			l := fixed(4, o)
			require.True(t, l.TryAcquire(2))
			large := start(func() (limiter.Permit, error) { return l.Take(t.Context(), 3) })
			synctest.Wait()
			require.Equal(t, waiting, large.verdict())
			small, err := l.For("", 1).Take(t.Context(), 2)
			require.NoError(t, err, name)
			l.Release(2)
			small.Release()
			<-large.done
			large.permit.Release()
			require.Zero(t, l.Stats().InFlight)
		})
	}
}

func TestACallForMoreThanTheLimitIsGrantedAloneAndStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := adaptive.New(adaptive.Options{Initial: 4, Max: 10, Wait: -1})
		p, err := l.TryTake(7) // nothing else is in flight
		require.NoError(t, err)
		_, err = l.TryTake(1)
		require.ErrorIs(t, err, limiter.ErrFull)
		p.Release()

		require.True(t, l.TryAcquire(2))
		var mu sync.Mutex
		var order []string
		take := func(name string, n int64) {
			start(func() (limiter.Permit, error) {
				p, err := l.Take(t.Context(), n)
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				time.Sleep(time.Second)
				p.Release()
				return p, err
			})
			synctest.Wait()
		}
		take("large", 7)
		require.ErrorIs(t, second(l.TryTake(7)), limiter.ErrFull, "not alone")
		take("small", 1) // fits, but it is not its turn
		take("second", 1)
		require.Empty(t, order)
		l.Release(2)
		synctest.Wait()
		require.Equal(t, []string{"large"}, order)
		require.EqualValues(t, 7, l.Stats().InFlight)
		time.Sleep(time.Second)
		synctest.Wait()
		require.ElementsMatch(t, []string{"large", "small", "second"}, order)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Zero(t, l.Stats().InFlight)
	})
}

func TestWhoeverIsInLineWhenMaxFallsBelowItIsGrantedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := fixed(4, adaptive.Options{Wait: -1})
		require.True(t, l.TryAcquire(4))
		c := start(func() (limiter.Permit, error) { return l.Take(t.Context(), 3) })
		synctest.Wait()
		l.SetMax(2)
		require.ErrorIs(t, second(l.Take(t.Context(), 3)), limiter.ErrTooLarge)
		l.Release(3)
		synctest.Wait()
		require.Equal(t, waiting, c.verdict())
		l.Release(1)
		<-c.done
		require.NoError(t, c.err)
		c.permit.Release()
		require.EqualValues(t, 2, l.Stats().Limit)
	})
}

func second(_ limiter.Permit, err error) error { return err }
