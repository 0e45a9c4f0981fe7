package adaptive

// This file is what a limiter says of itself.

import (
	"time"

	"github.com/belay-go/belay"
)

// State is what a Limiter has found out. It is a plain value.
type State struct {
	Limit      int64         // units that may be in flight
	Stuck      int64         // of those in flight, units that don't end: permits that leaked, work that hangs
	Overloaded bool          // the limit is at the knee; else it is far away
	Probing    bool          // it is lowered for a moment, to measure Base
	Knee       float64       // units in flight that keep the server busy, while Overloaded
	Rate       float64       // units done a second: at most, while Overloaded; else of late
	Base       time.Duration // what a request takes where nothing waits for anything else
	Latency    time.Duration // what a request takes now, from its grant
}

// State returns what is known at this moment. It takes constant time, and may be
// called concurrently.
func (l *Limiter) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	law := &l.mu.law
	s := State{
		Limit:      l.limit.Load(),
		Stuck:      l.mu.stuck,
		Overloaded: law.phase != free,
		Probing:    law.phase == probing,
		Rate:       law.rate,
		Base:       seconds(law.base.value()),
		Latency:    seconds(law.mean),
	}
	if s.Overloaded {
		s.Knee = law.knee()
	}
	return s
}

// Stats returns what the limiter says of itself: Limit is what may be in flight at
// this moment, InFlight what is, in units, and Waiting the calls in line. Total counts
// the units granted, those included that went back unused; Waited the calls that
// were granted something after a wait, and WaitTime how long, if [Options].WaitTime
// asks for it. Refused counts the calls that were refused, at once or in line,
// Cancelled those whose context ended. The rest stays zero. It takes constant time
// and may be called concurrently.
func (l *Limiter) Stats() belay.Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Those that are ignored go from one of the two to the other. Between, they are in
	// neither, and not in both, if they are read in this order.
	ignored := uint64(l.ignored.Load())
	_, next := l.mu.books.read(&l.account, reading())
	l.mu.total = max(l.mu.total, next.granted+ignored)
	return belay.Stats{
		Limit:     l.limit.Load(),
		InFlight:  l.word.Load() / unit,
		Waiting:   int64(l.mu.line.waiting),
		Total:     l.mu.total,
		Waited:    l.mu.waited,
		Refused:   l.refused.Load(),
		Cancelled: l.cancelled.Load(),
		WaitTime:  l.mu.waits,
	}
}

// Quota returns the limit at this moment and the units that are free, for those who
// tell clients of it; window and reset, the times of a rate, are zero.
func (l *Limiter) Quota() (limit, remaining int64, window, reset time.Duration) {
	limit = l.limit.Load()
	return limit, max(0, limit-l.word.Load()/unit), 0, 0
}

// Rank returns the limiter's place in the order in which [limiter.All] takes from
// limits on what is in flight: each has a number of its own, above zero, from the
// first call on.
func (l *Limiter) Rank() uint64 { return l.rank.Number() }
