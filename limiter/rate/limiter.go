package rate

// This file is the limiter: a bucket with a lock, a clock and counters. Waiting
// and reservations have files of their own.

import (
	"sync"
	"time"

	"github.com/belay-go/belay"
)

// Limiter is a token bucket that starts full. The zero value has the limit and
// the burst zero and allows nothing until both are set; use [NewLimiter]. A
// Limiter must not be copied after first use.
//
// All methods may be called concurrently. A limiter orders nothing beyond its
// own state: what one caller did before it was allowed an event is not thereby
// visible to the next.
type Limiter struct {
	mu struct {
		sync.Mutex
		bucket
		ledger  ledger
		waiting int64
		stats   belay.Stats // its counters; the rest is filled in when asked
	}
}

// NewLimiter returns a full limiter that gains tokens at limit per second and
// holds at most burst of them. A burst of zero or less allows nothing, except
// under [Inf].
func NewLimiter(limit Limit, burst int) *Limiter {
	lim := new(Limiter)
	lim.mu.limit, lim.mu.burst, lim.mu.tokens = limit, burst, float64(burst)
	return lim
}

// Allow takes one token if there is one now, and reports whether it did.
func (lim *Limiter) Allow() bool {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	return lim.allowLocked(lim.nowLocked(), 1)
}

// AllowN takes n tokens if they are there at time t, and reports whether it
// did. It panics with "rate: n < 0" if n is negative.
func (lim *Limiter) AllowN(t time.Time, n int) bool {
	mustNotBeNegative(n)
	lim.mu.Lock()
	defer lim.mu.Unlock()
	return lim.allowLocked(t, n)
}

func (lim *Limiter) allowLocked(t time.Time, n int) bool {
	_, _, ok := lim.mu.take(t, n, 0)
	lim.countLocked(ok, n)
	return ok
}

// Limit returns the tokens gained per second, as they were set.
func (lim *Limiter) Limit() Limit {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	return lim.mu.limit
}

// Burst returns the most tokens that can be there, and so the most that one
// call can take.
func (lim *Limiter) Burst() int {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	return lim.mu.burst
}

// SetLimit changes the limit from now on. Tokens gained so far stay. Who waits
// or holds a reservation keeps the turn computed by the old limit.
func (lim *Limiter) SetLimit(limit Limit) {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	lim.mu.setLimit(lim.nowLocked(), limit)
}

// SetLimitAt is [Limiter.SetLimit] as of time t.
func (lim *Limiter) SetLimitAt(t time.Time, limit Limit) {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	lim.mu.setLimit(t, limit)
}

// SetBurst changes the burst from now on. Tokens above a lower burst are lost,
// room below a higher one is filled at the limit. Who waits or holds a
// reservation keeps it, even if it is for more than the new burst.
func (lim *Limiter) SetBurst(burst int) {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	lim.mu.setBurst(lim.nowLocked(), burst)
}

// SetBurstAt is [Limiter.SetBurst] as of time t.
func (lim *Limiter) SetBurstAt(t time.Time, burst int) {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	lim.mu.setBurst(t, burst)
}

// Tokens returns the tokens that are there now; below zero, those owed to
// reservations. It changes nothing.
func (lim *Limiter) Tokens() float64 {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	b, t := lim.mu.bucket, time.Now()
	b.rebase(t)
	return b.at(t).tokens
}

// TokensAt is [Limiter.Tokens] as of time t, or of the latest time that the
// limiter has seen if t is older.
func (lim *Limiter) TokensAt(t time.Time) float64 {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	return lim.mu.at(t).tokens
}

// Stats returns what the limiter says of itself. Total counts tokens that were
// taken, reservations included, also if they were cancelled later. Waiting are
// the Waits that wait now, Waited and WaitTime those that got their tokens
// after a wait, Cancelled those whose context ended. Refused counts the events
// not allowed, reservations that are not OK, and Waits refused at once. A
// limiter has nothing in flight and no bound on it: Limit, InFlight and the
// rest stay zero. It takes constant time and may be called concurrently.
func (lim *Limiter) Stats() belay.Stats {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	stats := lim.mu.stats
	stats.Waiting = lim.mu.waiting
	return stats
}

// nowLocked reads the clock. Because it does so under the lock, no reading can
// overtake another: one before the last time seen is of another clock, however
// small the step.
func (lim *Limiter) nowLocked() time.Time {
	t := time.Now()
	lim.mu.rebase(t)
	return t
}

func (lim *Limiter) countLocked(ok bool, n int) {
	if ok {
		lim.mu.stats.Total += uint64(n)
	} else {
		lim.mu.stats.Refused++
	}
}

func mustNotBeNegative(n int) {
	if n < 0 {
		panic("rate: n < 0")
	}
}
