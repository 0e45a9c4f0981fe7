// Package rate limits how often something happens: a token bucket, and a
// drop-in for golang.org/x/time/rate.
//
// A [Limiter] holds up to a burst of tokens, starts full, and gains tokens at
// its [Limit]. Each event takes one, or as many as it is worth. When there are
// too few, [Limiter.Allow] says no, [Limiter.Wait] waits, and [Limiter.Reserve]
// takes them in advance and says how long to wait. [Limiter.Take] and
// [Limiter.TryTake] do the same by the rules of package limiter, with a permit
// on which the cost can be put right. What holds:
//
//   - In any span of time t no more than burst + limit·t tokens become usable,
//     up to what fits into one nanosecond: times are whole nanoseconds, and a
//     wait of less than one counts as none. The exceptions are what a change by
//     SetLimit or SetBurst cannot take back, and costs that turned out higher.
//   - First come, first served, also among small and large requests: whoever
//     waits goes after all who came earlier.
//   - Who waits leaves as early as that allows: earlier than it was told when the
//     limit is raised or when someone before it gives up, and never later. Turns
//     that were handed out as a time, by Reserve and Book, do not move.
//   - Who gives up gives back all that keeps the bound, given those turns:
//     everything, if no turn was handed out later.
//   - Who fails takes nothing. A call whose context is done fails even if there
//     are tokens; a Wait that gives up gives its tokens back.
//   - What can't be had in time is refused at once, by a [*limiter.RefusedError]
//     that says when to come back: a Wait that would outlast its context's
//     deadline is [limiter.ErrTooLate], a TryTake without tokens
//     [limiter.ErrLimited], and more tokens than the burst are [ErrTooLarge].
//
// [Limiter.Wait] returns ctx.Err() itself when its context ends. A limit that
// is zero, negative or not a number gives no tokens, [Inf] and more gives any
// number and ignores the burst. Misuse (a negative number of tokens, a nil
// context) panics with the texts that the calls give, and changes nothing.
//
// # Time
//
// Allow, Reserve and Wait read the clock themselves; the calls that end in At
// or take a time t believe their caller. Readings with a monotonic part are
// compared by it alone, others by the wall clock. Goroutines may hand in their
// readings out of order: one older than what the limiter has seen counts as the
// latest, so that no moment yields tokens twice. One older by more than a minute
// must come from another clock, as the time in a testing/synctest bubble does;
// the limiter then goes on by that clock with the tokens it has. So one limiter
// may serve inside a bubble, outside, and inside the next. Durations saturate
// instead of overflowing.
//
// # Cost
//
// A call that need not wait reads the clock once and does one compare-and-swap,
// while nothing is reserved and nobody waits; otherwise it locks. A limiter of
// [NewHighRate] reads it once for many calls. Nothing allocates unless it waits,
// but for errors that say when to come back, and for the first call after a
// change: a reservation stays on its caller's stack, unless the caller hands it on
// to where the compiler can't follow. A wait allocates one timer, and leaves none.
// The package starts no goroutine.
//
// # Differences from golang.org/x/time/rate
//
//   - A t older than one already seen yields no tokens twice, and what has to
//     wait waits from the latest time seen. There the limiter's time goes back,
//     and twice the burst can pass at one instant.
//   - Those who wait move forward. There they sleep until the turn that was
//     computed when they came.
//   - A done context is reported before anything else, also before a request
//     that is too large, and a context that gets done together with the end of
//     its wait loses: the tokens go back. There they stay taken.
//   - The errors of Wait can be told: ErrTooLarge, and limiter.ErrTooLate, which
//     Is [context.DeadlineExceeded]. A turn that comes exactly at the deadline is
//     too late, as the context is done by then.
//   - Where tokens never come, or not within 292 years, Reserve is not OK and
//     Wait fails at once. There both succeed, to wait for that long, and the
//     tokens stay owed when the limit is raised.
//   - A Cancel gives back more: there it is less by all that was reserved later,
//     whether or not that could do harm.
//     Cancelling twice gives the tokens back once, and a reservation made under
//     Inf gives back nothing.
//   - A negative n panics. There it adds tokens.
//   - Any limit above Inf is Inf, and one that is not a number is zero.
//   - [Sometimes] calls its function without holding a lock, and takes a clock
//     that went back for a new one, on which the interval has passed.
//   - NewHighRate, ErrTooLarge, Book, Quota, Stats, Take and TryTake are
//     additional.
//
// When not to use it: to protect a server from more than it can do. What it can do is
// so much at once, and a rate doesn't notice that each request takes ten times as
// long today: that is limiter/semaphore or limiter/adaptive. And where a bound must
// hold for several processes or across a restart, which starts with a full bucket.
//
// It does not smooth a burst out, has no order but that of coming, and shares
// nothing between processes.
package rate

import (
	"math"
	"time"
)

// Limit is a rate in tokens per second. Zero, negative values and NaN give
// none.
type Limit float64

// Inf is the limit that allows everything, whatever the burst.
const Inf = Limit(math.MaxFloat64)

// InfDuration is the longest duration. As a delay it means never.
const InfDuration = time.Duration(math.MaxInt64)

// Every returns the limit of one token per interval: [Inf] for an interval that
// is zero or negative.
func Every(interval time.Duration) Limit {
	if interval <= 0 {
		return Inf
	}
	return 1 / Limit(interval.Seconds())
}

func (l Limit) unlimited() bool { return l >= Inf }

// never is written so that it is true for NaN as well.
func (l Limit) never() bool { return !(l > 0) }

// tokensIn returns the tokens gained in d, which isn't negative.
func (l Limit) tokensIn(d time.Duration) float64 {
	if l.never() || d == 0 { // 0·∞ would be NaN
		return 0
	}
	return d.Seconds() * float64(l)
}

// timeFor returns how long it takes to gain tokens, cut to whole nanoseconds,
// and InfDuration where it takes that long or longer.
//
// To round up instead would be strict to the nanosecond, and wrong: a caller
// who waits just the interval of [Every] would find a token that is one part in
// 2^53 short, and be refused.
func (l Limit) timeFor(tokens float64) time.Duration {
	if l.never() {
		return InfDuration
	}
	// The conversion of a float beyond int64 is undefined, so that is asked
	// first; float64(MaxInt64) is rounded up, hence >=.
	ns := tokens / float64(l) * float64(time.Second)
	if ns >= math.MaxInt64 {
		return InfDuration
	}
	return time.Duration(ns)
}
