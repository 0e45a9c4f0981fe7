// Package limiter is one interface over every limit: on how much is in flight
// (limiter/semaphore; limiter/adaptive finds out how much), on how often something
// happens (limiter/rate), on either for each key (limiter/keyed), and on how many
// connections there are (limiter/pool).
// Middleware, interceptors and code of one's own take a [Limiter] and need not
// know which it is.
//
//	permit, err := limit.Take(ctx, 1)
//	if err != nil {
//		return err // refused, or ctx is done: nothing was taken
//	}
//	defer permit.Release()
//
// What holds for every limit of this module:
//
//   - Who gets an error has taken nothing. A ctx that is done loses, also where
//     there is room; its error is the context's. Every other refusal is a
//     [*RefusedError] with a reason that errors.Is can tell, and with the time
//     after which to come back, where that can be known.
//   - A [Permit] gives back once. Releasing it again, or a copy of it, or the
//     zero Permit, does nothing, so it can be released by a defer and earlier.
//     A permit that nobody releases keeps what it holds; nothing times out.
//   - What a call costs may be put right when it is known, by [Permit.Settle].
//   - A grant allocates nothing, unless it waits.
//
// Three ways to put limits together:
//
//   - [All] takes from several of them, everything or nothing, and two that
//     share limits never wait for each other in a circle.
//   - [Shadow] decides and counts, and refuses nobody, until it is told to: the
//     way to turn a limit on.
//   - [Watch] lists who holds a limit, by stack and age, while it is told to:
//     the way to find a permit that leaks.
//
// Release orders memory as the limit's own package says: what was done before
// a Release is visible to whoever takes the units it gave back. The package
// starts no goroutine and keeps no channel or timer beyond the wait it was made
// for, so every limit may serve inside a testing/synctest bubble, outside, and
// inside the next.
//
// FAILURES.md, in this folder, says what happens when processes are killed, clocks are
// set, or descriptors run out.
//
// When not to use it: where the program knows its limit and calls it by name, the
// limit's own package is enough, and its drop-in names allocate no permit; and where
// a bound must hold for several processes, which contrib/redis does.
//
// It has no registry of limits, gives nothing back on its own, and knows nothing
// of other processes.
package limiter

import "context"

// Limiter grants units of something that is limited: places, bytes, events.
// All limits of this module are Limiters. An implementation must allow
// concurrent calls and keep what the two methods promise.
type Limiter interface {
	// Take takes n units and may wait for them. It returns a permit once it has
	// them. Otherwise it has taken nothing, and the error is
	//
	//   - one that Is both ctx.Err() and the context's cause, if ctx is done,
	//     also if it was before the call;
	//   - a [*RefusedError], at once, where it is known that waiting won't help.
	//
	// Take panics with a text of the limiter's package if n is negative or ctx is
	// nil.
	Take(ctx context.Context, n int64) (Permit, error)

	// TryTake takes n units if they are to be had now, and never waits. The
	// error is a [*RefusedError]. TryTake panics as Take does.
	TryTake(n int64) (Permit, error)
}
