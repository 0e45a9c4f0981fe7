package semaphore

// This file is what a semaphore says of itself.

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
)

// waitTime is a [belay.WaitHistogram] that each call adds its own wait to.
type waitTime struct {
	counts [belay.WaitBuckets]atomic.Uint64
	sum    atomic.Int64
}

func (w *waitTime) observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(w.counts)-1 && d >= belay.WaitBound(i) {
		i++
	}
	w.counts[i].Add(1)
	for {
		sum := w.sum.Load()
		if w.sum.CompareAndSwap(sum, sum+min(int64(d), math.MaxInt64-sum)) {
			return
		}
	}
}

func (w *waitTime) histogram() (h belay.WaitHistogram) {
	for i := range h.Counts {
		h.Counts[i] = w.counts[i].Load()
	}
	h.Sum = time.Duration(w.sum.Load())
	return h
}

// Rank returns the semaphore's place in the order in which [limiter.All] takes
// from semaphores: each has a number of its own, above zero, from the first
// call on.
func (s *Weighted) Rank() uint64 { return s.rank.Number() }

// Quota returns the size and the units that are free, for those who tell clients
// of it; window and reset, the times of a rate, are zero.
func (s *Weighted) Quota() (limit, remaining int64, window, reset time.Duration) {
	s.look(func(free, _ int64) { limit, remaining = s.size.Load(), max(0, free) })
	return limit, remaining, 0, 0
}

// Stats returns what the semaphore says of itself: Limit is its size, InFlight
// the units held, Waiting the calls in line. Total counts the units granted, and
// Waited the calls that were granted something after a wait, also of calls whose
// context ended at the same moment, so that it went back; WaitTime is how long
// those in Waited waited, and stays empty unless [Options].WaitTime asks for it.
// Refused counts calls that got nothing because there was no room, no room in
// line, or never will be, Cancelled those whose context ended. The rest stays
// zero. It takes constant time and may be called concurrently.
func (s *Weighted) Stats() belay.Stats {
	stats := belay.Stats{
		Refused:   s.refused.Load(),
		Cancelled: s.cancelled.Load(),
		WaitTime:  s.waitTime.histogram(),
	}
	s.look(func(free, granted int64) {
		stats.Limit = s.size.Load()
		stats.InFlight = stats.Limit - free
		stats.Waiting = s.mu.line.Len()
		stats.Waited = s.mu.waited
		stats.Total = s.mu.total + uint64(granted)
	})
	return stats
}
