package rate

// This file is the token bucket: plain state and arithmetic. It reads no clock
// and takes no lock; whoever owns a bucket guards it.

import "time"

// bucket is a token bucket as of one instant.
//
// It changes only when tokens are taken, given back or a setting changes, never
// when a request is refused: to store each little step of a caller who keeps
// asking would lose tokens to rounding.
type bucket struct {
	limit  Limit
	burst  int64
	full   float64 // most tokens it can hold: the burst, less what is set apart for a lease
	tokens float64 // at last; below zero are those owed to claims
	last   instant // never goes back, except to another clock
}

// at returns the tokens there are at t, and the instant as of which that is: t,
// or last if t is older.
func (b *bucket) at(t instant) (tokens float64, last instant) {
	tokens, last = b.tokens, b.last
	if elapsed := t.since(last); elapsed > 0 {
		tokens += b.limit.tokensIn(elapsed)
		last = t
	}
	return min(tokens, b.full), last
}

// advance makes t the latest instant, if it isn't older.
func (b *bucket) advance(t instant) { b.tokens, b.last = b.at(t) }

// take takes n tokens as of t, unless there are none in time: less than
// InfDuration, and no more than patience. wait is how long it is from t until
// they may be used, or would be; InfDuration for more than the burst.
func (b *bucket) take(t instant, n int64, patience time.Duration) (wait time.Duration, ok bool) {
	if b.limit.unlimited() {
		return 0, true
	}
	if n > b.burst {
		return InfDuration, false
	}
	tokens, last := b.at(t)
	tokens -= float64(n)
	if tokens < 0 {
		wait = b.limit.wait(-tokens, last.since(t))
		if wait == InfDuration || wait > patience {
			return wait, false
		}
	}
	b.tokens, b.last = tokens, last
	return wait, true
}

// wait returns how long it takes to gain tokens, from late before the instant at
// which that begins. Less than a nanosecond is none.
func (l Limit) wait(tokens float64, late time.Duration) time.Duration {
	wait := l.timeFor(tokens)
	if wait == 0 {
		return 0
	}
	return saturatedSum(wait, late)
}

// saturatedSum adds durations that aren't negative.
func saturatedSum(a, b time.Duration) time.Duration {
	if a > InfDuration-b {
		return InfDuration
	}
	return a + b
}
