package rate

// This file is the token bucket: plain state and arithmetic. It reads no clock
// and takes no lock; whoever owns a bucket guards it.

import "time"

// lateness is how old a caller's reading of the clock may be. It is far longer
// than a goroutine is kept from passing on what it read, and far shorter than
// the way from any real clock to that of a synctest bubble.
const lateness = time.Minute

// bucket is a token bucket as of one instant.
//
// It changes only when tokens are taken, given back or a setting changes, never
// when a request is refused: to store each little step of a caller who keeps
// asking would lose tokens to rounding.
type bucket struct {
	limit  Limit
	burst  int
	tokens float64   // at last; below zero are those owed to reservations
	last   time.Time // never goes back, except to another clock
}

// rebase goes on from t with the tokens there are, if t is before all that was
// seen.
func (b *bucket) rebase(t time.Time) {
	if t.Before(b.last) {
		b.last = t
	}
}

// at returns the bucket as it is at t.
func (b bucket) at(t time.Time) bucket {
	switch elapsed := t.Sub(b.last); {
	case elapsed > 0:
		b.tokens += b.limit.tokensIn(elapsed)
		b.last = t
	case elapsed < -lateness:
		b.rebase(t) // another clock
	}
	b.tokens = min(b.tokens, float64(b.burst))
	return b
}

// take takes n tokens as of t, unless there are none in time: less than
// InfDuration, and no more than patience. wait is how long it is from t until
// they may be used, or would be; InfDuration for more than the burst. debt is
// how many of them aren't there yet.
func (b *bucket) take(t time.Time, n int, patience time.Duration) (wait time.Duration, debt float64, ok bool) {
	if b.limit.unlimited() {
		return 0, 0, true
	}
	if n > b.burst {
		return InfDuration, 0, false
	}
	next := b.at(t)
	next.tokens -= float64(n)
	if next.tokens < 0 {
		debt = min(-next.tokens, float64(n))
		wait = next.limit.timeFor(-next.tokens)
	}
	if wait > 0 {
		// Tokens that aren't there yet come after last, which may be later than t.
		wait = saturatedSum(wait, next.last.Sub(t))
	}
	if wait == InfDuration || wait > patience {
		return wait, debt, false
	}
	*b = next
	return wait, debt, true
}

// put gives back tokens that were taken and not used, as of last.
func (b *bucket) put(tokens float64) {
	b.tokens = min(b.tokens+tokens, float64(b.burst))
}

func (b *bucket) setLimit(t time.Time, limit Limit) {
	*b = b.at(t)
	b.limit = limit
}

func (b *bucket) setBurst(t time.Time, burst int) {
	*b = b.at(t)
	b.burst = burst
}

// saturatedSum adds durations that aren't negative.
func saturatedSum(a, b time.Duration) time.Duration {
	if a > InfDuration-b {
		return InfDuration
	}
	return a + b
}
