package rate

// This file is the limiter: a bucket with a lock, a clock and counters. Waiting,
// reservations, permits and leases have files of their own.

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
)

// Limiter is a token bucket that starts full. It is a [limiter.Limiter]. The
// zero value has the limit and the burst zero and allows nothing until both are
// set; use [NewLimiter] or [NewHighRate]. A Limiter must not be copied after
// first use.
//
// All methods may be called concurrently. A limiter orders nothing beyond its
// own state: what one caller did before it was allowed an event is not thereby
// visible to the next.
type Limiter struct {
	lease    atomic.Int64          // tokens bought in advance, see lease.go; below zero: none
	meter    atomic.Pointer[meter] // of a bucket that is below the lock as it was when the meter was made
	refused  atomic.Uint64         // by meters
	highRate bool                  // set by NewHighRate

	mu struct {
		sync.Mutex
		bucket
		leased int64 // what the lease was when it was bought
		claims
		stats belay.Stats // its counters; the rest is filled in when asked
		calls int64       // that wait

		calm, patience int // see meterLocked
	}
}

// NewLimiter returns a full limiter that gains tokens at limit per second and
// holds at most burst of them. A burst of zero or less allows nothing, except
// under [Inf].
func NewLimiter(limit Limit, burst int) *Limiter {
	lim := new(Limiter)
	lim.mu.bucket = bucket{
		limit: limit, burst: int64(burst),
		full: float64(burst), tokens: float64(burst), last: always,
	}
	return lim
}

// Allow takes one token if there is one now, and reports whether it did.
func (lim *Limiter) Allow() bool {
	// Short enough to be inlined.
	return lim.highRate && lim.lease.Add(-1) >= 0 || lim.allow()
}

func (lim *Limiter) allow() bool {
	if ok, known := lim.takeMeter(1); known {
		return ok
	}
	t := lim.lock()
	ok := lim.allowLocked(t, 1)
	lim.meterLocked(t)
	lim.mu.Unlock()
	return ok
}

// AllowN takes n tokens if they are there at time t, and reports whether it
// did. It panics with "rate: n < 0" if n is negative.
func (lim *Limiter) AllowN(t time.Time, n int) bool {
	mustNotBeNegative(int64(n))
	if n > 0 && lim.takeLeased(int64(n)) {
		return true
	}
	at := on(t)
	lim.lockAt(at)
	defer lim.mu.Unlock()
	return lim.allowLocked(at, int64(n))
}

func (lim *Limiter) allowLocked(t instant, n int64) bool {
	_, ok := lim.takeLocked(t, n, 0)
	if ok {
		lim.mu.stats.Total += uint64(n)
		lim.buyLocked()
	} else {
		lim.mu.stats.Refused++
	}
	return ok
}

// takeLocked takes n tokens as of t, see bucket.take.
func (lim *Limiter) takeLocked(t instant, n int64, patience time.Duration) (wait time.Duration, ok bool) {
	if lim.mu.head != nil {
		// Whose turn has come goes first, also if it has not woken up yet.
		lim.serveLocked(t, nil)
	}
	if lim.mu.pending.first == nil && lim.mu.used.last == nil {
		return lim.mu.take(t, n, patience)
	}
	found, _ := lim.mu.at(t)
	wait, ok = lim.mu.take(t, n, patience)
	if ok && wait == 0 && n > 0 {
		lim.meetLocked(found + lim.mu.height)
	}
	return wait, ok
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
	return int(lim.mu.burst)
}

// SetLimit changes the limit from now on. Tokens gained so far stay. Who waits
// leaves earlier under a higher limit, and not later under a lower one; who holds
// a reservation keeps the turn that it was told.
func (lim *Limiter) SetLimit(limit Limit) {
	t := lim.lock()
	defer lim.mu.Unlock()
	lim.setLocked(t, limit, lim.mu.burst)
}

// SetLimitAt is [Limiter.SetLimit] as of time t.
func (lim *Limiter) SetLimitAt(t time.Time, limit Limit) {
	at := on(t)
	lim.lockAt(at)
	defer lim.mu.Unlock()
	lim.setLocked(at, limit, lim.mu.burst)
}

// SetBurst changes the burst from now on. Tokens above a lower burst are lost,
// room below a higher one is filled at the limit. Who waits or holds a
// reservation keeps its turn, even if it is for more than the new burst.
func (lim *Limiter) SetBurst(burst int) {
	t := lim.lock()
	defer lim.mu.Unlock()
	lim.setLocked(t, lim.mu.limit, int64(burst))
}

// SetBurstAt is [Limiter.SetBurst] as of time t.
func (lim *Limiter) SetBurstAt(t time.Time, burst int) {
	at := on(t)
	lim.lockAt(at)
	defer lim.mu.Unlock()
	lim.setLocked(at, lim.mu.limit, int64(burst))
}

func (lim *Limiter) setLocked(t instant, limit Limit, burst int64) {
	lim.promiseLocked(t)
	lim.mu.advance(t)
	lim.mu.limit, lim.mu.burst, lim.mu.full = limit, burst, float64(burst)
	lim.moveLocked(t)
}

// Tokens returns the tokens that are there now; below zero, those owed to
// reservations and to calls that wait. It changes nothing.
func (lim *Limiter) Tokens() float64 { return lim.tokensAt(now()) }

// TokensAt is [Limiter.Tokens] as of time t, or of the latest time that the
// limiter has seen if t is older.
func (lim *Limiter) TokensAt(t time.Time) float64 { return lim.tokensAt(on(t)) }

func (lim *Limiter) tokensAt(t instant) float64 {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	return lim.tokensLocked(t)
}

func (lim *Limiter) tokensLocked(t instant) float64 {
	b := lim.mu.bucket
	if m := lim.meter.Load(); m != nil {
		b.tokens -= m.tokens(level(m.word.Load()))
	}
	tokens, _ := b.at(t)
	return tokens + float64(max(0, lim.lease.Load()))
}

// Quota returns, for those who tell clients of it, the burst, the whole tokens
// that are there, the time in which a full burst is gained and that until there
// is one. The last two are [InfDuration] where nothing is gained, and zero under
// [Inf].
func (lim *Limiter) Quota() (limit, remaining int64, window, reset time.Duration) {
	t := now()
	lim.mu.Lock()
	defer lim.mu.Unlock()
	limit = max(0, lim.mu.burst)
	if lim.mu.limit.unlimited() {
		return limit, limit, 0, 0
	}
	tokens := lim.tokensLocked(t)
	if missing := float64(limit) - tokens; missing > 0 {
		reset = lim.mu.limit.timeFor(missing)
	}
	// What is gained in less than a nanosecond doesn't count as missing.
	if tokens += float64(lim.mu.limit) / 1e9 * 0.99; tokens > 0 && limit > 0 {
		remaining = min(limit, int64(min(tokens, math.MaxInt64/2))) // a conversion must not overflow
	}
	return limit, remaining, lim.mu.limit.timeFor(float64(limit)), reset
}

// Stats returns what the limiter says of itself. Total counts tokens that were
// taken, reservations included, also if they were given back later. Waiting are
// the calls that wait now, Waited and WaitTime those that got their tokens after
// a wait, Cancelled those whose context ended. Refused counts the events not
// allowed, reservations that are not OK, and calls refused at once. A limiter
// has nothing in flight and no bound on it: Limit, InFlight and the rest stay
// zero. It takes constant time and may be called concurrently.
func (lim *Limiter) Stats() belay.Stats {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	stats := lim.mu.stats
	stats.Waiting = lim.mu.calls
	stats.Total += uint64(lim.mu.leased - max(0, lim.lease.Load()))
	if m := lim.meter.Load(); m != nil {
		stats.Total += taken(m.word.Load())
	}
	stats.Refused += lim.refused.Load()
	return stats
}

// lock reads the clock and locks. The world's clock is read first, so that the
// lock is held for less time: a reading that is overtaken is only late. In a
// bubble a small step back may be the next bubble, so there it is read again
// under the lock, where no reading can overtake another. So it is where a reading
// is older than lateness: then the process may have stood still since, and only
// if it is again is it of another clock.
func (lim *Limiter) lock() instant { return lim.lockFrom(now()) }

// lockFrom is lock with a reading of the clock.
func (lim *Limiter) lockFrom(t instant) instant {
	lim.mu.Lock()
	if t.foreign() {
		if t = now(); t < lim.mu.last {
			if lim.meter.Load() != nil {
				lim.sealLocked()
			}
			lim.elsewhereLocked(t)
		}
	} else if lim.tooLateLocked(t) {
		t = now()
	}
	lim.seeLocked(t)
	return t
}

// lockAt locks for a caller who says what time it is.
func (lim *Limiter) lockAt(t instant) {
	lim.mu.Lock()
	lim.seeLocked(t)
}

// seeLocked is where a reading of a clock comes in.
func (lim *Limiter) seeLocked(t instant) {
	if lim.mu.leased != 0 {
		lim.foldLocked(t)
	}
	if lim.meter.Load() != nil {
		lim.sealLocked()
	}
	if lim.tooLateLocked(t) {
		lim.elsewhereLocked(t)
	}
	if lim.mu.pending.first != nil {
		lim.passLocked(max(t, lim.mu.last))
	}
}

// tooLateLocked reports whether t is older than a reading may be.
func (lim *Limiter) tooLateLocked(t instant) bool {
	return t < lim.mu.last && t.since(lim.mu.last) < -lateness
}

func mustNotBeNegative(n int64) {
	if n < 0 {
		panic("rate: n < 0")
	}
}
