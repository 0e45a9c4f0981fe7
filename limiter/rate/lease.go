package rate

// This file is what makes a limiter cheap for high rates: it buys many tokens at
// once, with one reading of the clock under the lock, and hands them out by a
// compare-and-swap each.
//
// What is bought stays in the lease, the bucket holds that much less: the lease
// and the bucket together are never more than the burst, and gain no faster than
// the limit, so together they are a token bucket like any other, and every span
// of time keeps its bound. The price is that a bucket next to a lease that is
// used up does not fill: after an idle time the last few tokens may be missing.
//
//	            buy                          a call takes from it
//	no lease ────────▶ lease of leased tokens ──────────────┐
//	   ▲                        │        ▲                  │
//	   └────────────────────────┘        └──────────────────┘
//	    fold: whoever locks puts what is left back
//
// Allow takes by an addition that does not look first, the cheapest there is: who
// finds that it took what was not there looks elsewhere, and the number below zero
// that it leaves means none.
//
// Only who holds the lock makes the lease larger, and everything that is more
// than to take a token that is there folds it first. So while a lease exists
// nothing is pending, and all of the limiter can be seen under the lock.

// NewHighRate is [NewLimiter] for a limiter that is asked millions of times per
// second. It reads the clock only now and then, to take tokens in advance that
// the next calls find at hand: at most an eighth of the burst. The bound holds all the
// same, strictly; but up to an eighth of the burst may be missing after an idle
// time. For a burst below 16 it makes no difference.
func NewHighRate(limit Limit, burst int) *Limiter {
	lim := NewLimiter(limit, burst)
	lim.highRate = true
	return lim
}

// mostLeased is the largest lease: there is little left to save.
const mostLeased = 1024

// leaseSize returns how many tokens are bought at once, 0 if none are.
func leaseSize(burst int64) int64 {
	if burst < 16 {
		return 0
	}
	return min(burst/8, mostLeased)
}

// takeLeased takes n tokens, at least one, that were bought already.
func (lim *Limiter) takeLeased(n int64) bool {
	for {
		left := lim.lease.Load()
		if left < n {
			return false
		}
		if lim.lease.CompareAndSwap(left, left-n) {
			return true
		}
	}
}

// buyLocked buys a lease for the next calls, after one found tokens.
func (lim *Limiter) buyLocked() {
	if !lim.highRate || lim.mu.pending.first != nil || lim.mu.limit.unlimited() {
		return
	}
	size := leaseSize(lim.mu.burst)
	n := int64(min(float64(size), lim.mu.tokens)) // rounded down
	if n < 1 {
		return
	}
	lim.mu.tokens -= float64(n)
	lim.mu.full = float64(lim.mu.burst - size)
	lim.mu.leased = n
	lim.lease.Store(n)
}

// foldLocked puts back what is left of the lease, at t.
func (lim *Limiter) foldLocked(t instant) {
	mu := &lim.mu
	leased := mu.leased
	left := max(0, lim.lease.Swap(0))
	tokens, last := mu.at(t)
	if left < leased {
		lim.meetLocked(tokens + float64(leased)) // no use of the lease found more
	}
	if tokens == mu.full {
		// What the bucket had no room for is lost, although the burst is more: some
		// of the lease may have been used just now.
		mu.tokens, mu.last = tokens, last
	}
	mu.tokens += float64(left)
	mu.leased, mu.full = 0, float64(mu.burst)
	mu.stats.Total += uint64(leased - left)
}
