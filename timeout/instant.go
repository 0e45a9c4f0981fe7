package timeout

// This file decides what came first where a result and the end of a wait come at
// one instant: the result wins.
//
// Outside of a bubble two instants are hardly ever the same, and one look for
// the result is enough. In a testing/synctest bubble the clock stands still
// while anybody can run. A task that sleeps exactly as long as its limit is woken
// together with the one that waits for it, and in no order; so whoever is about
// to give up must first see everybody else get as far as they can at this
// instant. Only package synctest could wait for that, which is not for code
// outside of tests. A wait of our own, as for a timer, would not do: for
// synctest.Wait that is a goroutine that has nothing more to do, and a test would
// find a call still waiting that it knows to be over. What is left is to yield,
// and to ask the runtime whether anybody is left.

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
)

// How long a result is looked for at one instant: until nobody else has anything
// to do, or, should other tests keep the process busy, so many looks, which take
// some 20 ms on a small machine. That is meant for a thread that the operating
// system has interrupted together with all that it was going to run. A turn of
// the others can take 10 ms, so there are fewer of these.
const (
	mostLooks  = 100_000
	firstTurns = 30   // one at each of the first looks
	laterTurns = 5000 // then one at each so many looks
	calmLooks  = 3    // in a row that find nobody; the runtime's count is not exact
)

// atThisInstant reports whether done does, now or before the clock moves on. It
// takes none of a bubble's time, and outside next to none.
func atThisInstant(done func() bool) bool {
	if done() {
		return true
	}
	if !inBubble() {
		return false
	}
	lookers.Add(1)
	defer lookers.Add(-1)
	left := newCounts()
	for look, calm := 0, 0; look < mostLooks && calm < calmLooks; look++ {
		if look < firstTurns || look%laterTurns == 0 {
			runtime.Gosched()
		}
		if done() {
			return true
		}
		if calm++; left.anybody() {
			calm = 0
		}
	}
	return done()
}

// lookers is how many goroutines look for a result in a bubble, any bubble, at
// this moment. They are busy with nothing but each other.
var lookers atomic.Int64

// counts are the runtime's, of the goroutines that run or could run.
type counts [2]metrics.Sample

func newCounts() *counts {
	return &counts{
		{Name: "/sched/goroutines/running:goroutines"},
		{Name: "/sched/goroutines/runnable:goroutines"},
	}
}

// anybody reports whether there is more to do in the process than to look.
func (c *counts) anybody() bool {
	metrics.Read(c[:])
	sum := int64(0)
	for _, s := range c {
		if s.Value.Kind() != metrics.KindUint64 {
			return true // a runtime that doesn't know
		}
		sum += int64(s.Value.Uint64())
	}
	return sum > lookers.Load()
}
