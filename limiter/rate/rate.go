// Package rate limits how often something happens: a token bucket, and a
// drop-in for golang.org/x/time/rate.
//
// A [Limiter] holds up to a burst of tokens, starts full, and gains tokens at
// its [Limit]. Each event takes one, or as many as it is worth. When there are
// too few, [Limiter.Allow] says no, [Limiter.Wait] waits, and [Limiter.Reserve]
// takes them in advance and says how long to wait. What holds:
//
//   - In any span of time t no more than burst + limit·t tokens become usable,
//     up to what fits into one nanosecond: times are whole nanoseconds, and a
//     wait of less than one counts as none. The exception is what a change by
//     SetLimit or SetBurst cannot take back.
//   - First come, first served, also among small and large requests: a
//     reservation goes after all earlier ones.
//   - Who fails takes nothing. A call whose context is done fails even if there
//     are tokens; a Wait that gives up gives its tokens back.
//   - What can't be had in time is refused at once: a Wait that would outlast
//     its context's deadline gets a [*DelayError] that says when to come back,
//     and more tokens than the burst are [ErrTooLarge].
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
// compared by it alone. Goroutines may hand in their readings out of order: one
// older than what the limiter has seen counts as the latest, so that no moment
// yields tokens twice. One older by more than a minute must come from another
// clock, as the time in a testing/synctest bubble does; the limiter then goes on
// by that clock with the tokens it has. So one limiter may serve inside a
// bubble, outside, and inside the next. Durations saturate instead of
// overflowing.
//
// # Differences from golang.org/x/time/rate
//
//   - A t older than one already seen yields no tokens twice, and what has to
//     wait waits from the latest time seen. There the limiter's time goes back,
//     and twice the burst can pass at one instant.
//   - A done context is reported before anything else, also before a request
//     that is too large, and a context that gets done together with the end of
//     its wait loses: the tokens go back. There they stay taken.
//   - The errors of Wait can be told: ErrTooLarge, and *DelayError, which Is
//     [context.DeadlineExceeded]. A turn that comes exactly at the deadline is
//     too late, as the context is done by then.
//   - Where tokens never come, or not within 292 years, Reserve is not OK and
//     Wait fails at once. There both succeed, to wait for that long, and the
//     tokens stay owed when the limit is raised.
//   - When all reservations are cancelled before a turn among them has come, all
//     tokens come back, in whatever order; there only in reverse order.
//     Cancelling one twice gives its tokens back once, and one made under Inf
//     gives back nothing.
//   - A negative n panics. There it adds tokens.
//   - Any limit above Inf is Inf, and one that is not a number is zero.
//   - [Sometimes] calls its function without holding a lock, and takes a clock
//     that went back for a new one, on which the interval has passed.
//   - [Limiter.Stats], ErrTooLarge and DelayError are additional.
//
// Nothing allocates unless it waits, except Reserve, which returns a pointer,
// and errors with details. The package starts no goroutine, and a wait that
// ends leaves no timer.
//
// It does not smooth a burst out, does not move those who wait already when the
// limit changes or someone cancels, and shares nothing between processes.
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
