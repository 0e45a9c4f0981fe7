package adaptive_test

// This file uses one limiter on several clocks: those of testing/synctest bubbles,
// which all begin at the same instant decades ago, and the real one.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

// work has so many clients ask for one unit each, for so long, of a server that takes
// 10 ms for each, and returns how many were served.
func work(t *testing.T, l *adaptive.Limiter, clients int, lasts time.Duration) (served int) {
	ended := make(chan int)
	end := time.Now().Add(lasts)
	for range clients {
		go func() { // ends with the time
			n := 0
			for time.Now().Before(end) {
				if p, err := l.TryTake(1); err == nil {
					n++
					time.Sleep(10 * time.Millisecond)
					p.Release()
				} else {
					time.Sleep(time.Millisecond)
				}
			}
			ended <- n
		}()
	}
	for range clients {
		served += <-ended
	}
	return served
}

func TestALimiterGoesFromClockToClockAndKeepsWhatItKnows(t *testing.T) {
	l := adaptive.New(adaptive.Options{})
	inBubble := func(lasts, idle time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(idle)
			before := l.Stats()
			served := work(t, l, 10, lasts)
			require.InDelta(t, 10*lasts.Seconds()*100, served, float64(20), "nobody is refused")
			stats := l.Stats()
			require.Equal(t, before.Total+uint64(served), stats.Total)
			require.Equal(t, before.Refused, stats.Refused)
			require.Zero(t, stats.InFlight)
			state := l.State()
			require.False(t, state.Overloaded)
			require.InDelta(t, .01, state.Base.Seconds(), .001)
			require.InDelta(t, .01, state.Latency.Seconds(), .003)
			require.Less(t, state.Rate, 4000.)
			require.GreaterOrEqual(t, state.Limit, int64(20))
			require.Less(t, state.Limit, int64(300))
		})
	}
	for range 3 { // each begins where the last one did, after what was held was read
		inBubble(5*time.Second, 0)
		inBubble(2*time.Second, 0)
		for range 200 { // outside
			p, err := l.TryTake(1)
			require.NoError(t, err)
			p.Drop()
		}
		inBubble(2*time.Second, 3*time.Minute)
		inBubble(2*time.Second, 0)
	}
}

func TestAPermitMayEndOnAnotherClock(t *testing.T) {
	l := adaptive.New(adaptive.Options{})
	var held []limiter.Permit
	hold := func() {
		for range 5 {
			p, err := l.TryTake(1)
			require.NoError(t, err)
			held = append(held, p)
		}
	}
	end := func(how func(limiter.Permit)) {
		for _, p := range held {
			how(p)
		}
		held = nil
	}
	hold()
	for range 3 {
		for _, how := range []func(limiter.Permit){limiter.Permit.Release, limiter.Permit.Drop, limiter.Permit.Ignore} {
			synctest.Test(t, func(t *testing.T) {
				end(how)
				work(t, l, 5, 3*time.Second)
				hold()
				time.Sleep(time.Second)
			})
			end(how)
			require.Zero(t, l.Stats().InFlight)
			hold()
		}
	}
	end(limiter.Permit.Release)
	synctest.Test(t, func(t *testing.T) {
		work(t, l, 5, 5*time.Second)
		require.InDelta(t, .01, l.State().Latency.Seconds(), .002)
		require.GreaterOrEqual(t, l.Stats().Limit, int64(20))
	})
}

// A wait begins and ends on one clock; who holds what it waits for may be on another.
func TestALineMovesOnWhicheverClock(t *testing.T) {
	l := adaptive.New(adaptive.Options{Max: 1})
	wait := func(t *testing.T, settle func()) {
		require.True(t, l.TryAcquire(1))
		c := start(func() (limiter.Permit, error) { return l.Take(t.Context(), 1) })
		settle()
		l.Release(1)
		<-c.done
		require.NoError(t, c.err)
		ctx, cancel := context.WithCancel(t.Context())
		late := start(func() (limiter.Permit, error) { return l.Take(ctx, 1) })
		settle()
		cancel()
		<-late.done
		require.Error(t, late.err)
		c.permit.Release()
		require.Zero(t, l.Stats().InFlight+l.Stats().Waiting)
	}
	for range 3 {
		synctest.Test(t, func(t *testing.T) { wait(t, synctest.Wait); time.Sleep(time.Minute) })
		wait(t, func() {})
		synctest.Test(t, func(t *testing.T) { wait(t, synctest.Wait) })
	}
}

// An overload that began on another clock ends as any other.
func TestAnOverloadOfAnotherClockIsOver(t *testing.T) {
	l := adaptive.New(adaptive.Options{})
	synctest.Test(t, func(t *testing.T) {
		play(l, func() int64 { return l.Stats().Limit }, 1, act{8 * time.Second, 10, 2000, 10 * time.Millisecond, false, 0})
		require.True(t, l.State().Overloaded)
		time.Sleep(time.Minute) // for those of the play that are left
	})
	held := l.Stats().InFlight
	l.Release(held)
	synctest.Test(t, func(t *testing.T) {
		results := play(l, func() int64 { return l.Stats().Limit }, 1, act{20 * time.Second, 10, 500, 10 * time.Millisecond, false, 0})
		require.Zero(t, results[0].refused)
		require.False(t, l.State().Overloaded)
	})
}
