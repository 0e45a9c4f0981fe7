// Package limiter is one interface over every limit: on how much is in flight
// (limiter/semaphore), and on how often something happens (limiter/rate).
// What takes from one of them takes from all, and so do the parts here: several
// limits as one ([All]), a limit that is only tried out ([Shadow]), and a limit
// that can say who holds it ([Watch]).
//
//	permit, err := limit.Take(ctx, 1)
//	if err != nil {
//		return err // refused, or ctx is done: nothing was taken
//	}
//	defer permit.Release()
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
