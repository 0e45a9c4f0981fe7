// Package semaphore bounds how much is in flight at once: a weighted semaphore
// that serves strictly in order, and a drop-in for
// golang.org/x/sync/semaphore.
//
// A [Weighted] has a size. [Weighted.Acquire] takes some of it and waits while
// there isn't enough, [Weighted.TryAcquire] never waits, [Weighted.Release]
// gives back. What holds at any time:
//
//   - No more than the size is held, but for what was held already when
//     [Weighted.Resize] made the semaphore smaller.
//   - First come, first served. While anyone waits, nobody passes: no later
//     Acquire, however small, and no TryAcquire. So a large request is never
//     starved by small ones, and what is free may stay so until the first in
//     line fits.
//   - Whoever gives up leaves the line, and those behind who now fit go on.
//
// Acquire gives up when its context ends: it returns ctx.Err() itself and has
// taken nothing. A context that is done already loses even when there is room.
// If the grant and the end of the context meet, the caller either has what it
// asked for or it went on to the next in line. A request larger than the size
// can never be served and fails at once with [ErrTooLarge], in line too when
// Resize makes it so. How many may wait can be bounded, by [New].
//
// [Weighted.Take] and [Weighted.TryTake] do the same as Acquire and TryAcquire,
// by the rules of package limiter: the error says all, and what was taken is
// a permit that gives back once, however often it is released. Of code that
// calls Release itself, nobody can tell who forgot to, or did so twice.
//
// What is held after a panic, or by code that forgot to release it, stays held:
// defer the Release right after the error was checked. Misuse (a negative
// weight, a Release of more than is held, a nil context) panics with the texts
// that the calls give, and leaves the semaphore whole and usable.
//
// # Differences from golang.org/x/sync/semaphore
//
//   - An Acquire of more than the size returns [ErrTooLarge] at once. There it
//     waits for its context to end, for ever under context.Background.
//   - A request of weight zero that is first in line never stays there. There it
//     may, if the one before it gave up while all was held.
//   - A Release of more than is held changes nothing before it panics.
//   - A nil context panics with a text of this package.
//   - New, Resize, TryAcquireUpTo, Take, TryTake, Quota, Rank, Stats and
//     ErrTooLarge are additional.
//
// An Acquire that need not wait allocates nothing and reads no clock; one that
// waits allocates a channel, if its context can end. The package starts no
// goroutine and keeps no channel beyond the wait it was made for, so one
// semaphore may serve inside a testing/synctest bubble, outside, and inside the
// next.
//
// It does not know who holds what (package limiter's Watch does), does not order
// by weight or by priority, and takes nothing away from a holder.
package semaphore

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/internal/fifo"
	"github.com/belay-go/belay/internal/rank"
	"github.com/belay-go/belay/limiter"
)

// ErrTooLarge reports a request for more than the whole semaphore: waiting
// would not help. It is [limiter.ErrTooLarge], the reason of a
// [limiter.RefusedError]. Compare with [errors.Is].
var ErrTooLarge = limiter.ErrTooLarge

// The refusals of a semaphore. When there is room again depends on others.
var (
	errTooLarge = &limiter.RefusedError{Reason: limiter.ErrTooLarge, RetryAfter: math.MaxInt64}
	errFull     = &limiter.RefusedError{Reason: limiter.ErrFull}
)

// Weighted is a semaphore. Its units have no identity: whoever wants may release
// what another goroutine acquired. It is a [limiter.Limiter].
//
// The zero value has the size zero, so that only requests of weight zero
// succeed; use [NewWeighted] or [New]. A Weighted must not be copied after first
// use. All methods may be called concurrently.
//
// What happened before a Release is visible after every call that takes
// something later: they are ordered like the Unlock and Lock of a mutex.
type Weighted struct {
	word  atomic.Uint64 // see word.go
	queue int64         // one more than the most calls in line; 0: any number. Set by New
	own   atomic.Pointer[own]
	rank  rank.Rank

	size      atomic.Int64 // written while the word is seized
	refused   atomic.Uint64
	cancelled atomic.Uint64
	waits     waits

	// Valid while the word is slow, except line, which is empty while it is fast.
	mu struct {
		sync.Mutex
		held  int64             // of size; more only after a Resize
		total uint64            // units granted; see also waits
		slots uint64            // those in use, a bit each
		line  fifo.Line[waiter] // its first does not fit
	}
}

// Options are the settings of [New].
type Options struct {
	// Size is how many units there are.
	Size int64
	// Queue is how many calls may wait at the same time; the next is refused with
	// [limiter.ErrFull]. Zero is any number, negative is none: then a call
	// gets what it asks for at once or never.
	Queue int64
}

// NewWeighted returns a semaphore of size n, nothing of it held, in which any
// number of calls may wait. It panics with "semaphore: size < 0" if n is
// negative.
func NewWeighted(n int64) *Weighted { return New(Options{Size: n}) }

// New returns a semaphore, nothing of it held. It panics with "semaphore: size <
// 0" if the size is negative.
func New(o Options) *Weighted {
	mustHaveSize(o.Size)
	s := new(Weighted)
	switch {
	case o.Queue < 0:
		s.queue = 1
	case o.Queue > 0 && o.Queue < math.MaxInt64:
		s.queue = o.Queue + 1
	}
	s.mu.Lock()
	s.size.Store(o.Size)
	s.word.Store(slow)
	s.publish()
	return s
}

// Acquire takes n units, waiting in line while they aren't free. It returns nil
// once it has them. Otherwise it has taken nothing, and the error is
//
//   - ctx.Err() itself, if ctx is done before the call, or gets done during the
//     wait;
//   - a [*limiter.RefusedError] that is [ErrTooLarge], at once, if n is more
//     than the size, and also when [Weighted.Resize] makes it so during the wait;
//   - one that is [limiter.ErrFull], at once, if as many calls wait as may.
//
// A weight of zero takes nothing but waits its turn if others wait. Acquire
// panics with "semaphore: n < 0" if n is negative and with "semaphore: Acquire
// with a nil context" if ctx is nil.
func (s *Weighted) Acquire(ctx context.Context, n int64) error {
	if ctx == nil {
		panic("semaphore: Acquire with a nil context")
	}
	mustNotBeNegative(n)
	return s.acquire(ctx, n)
}

// TryAcquire takes n units if they are free and nobody waits, and reports
// whether it did. It never waits, and panics with "semaphore: n < 0" if n is
// negative.
func (s *Weighted) TryAcquire(n int64) bool {
	mustNotBeNegative(n)
	return s.tryAcquire(n) == nil
}

// TryAcquireUpTo takes as many units as are free, at most n, if nobody waits,
// and returns how many it took: maybe none. With [math.MaxInt64] it takes all
// there are, to do alone what holders are in the way of. It never waits, and
// panics with "semaphore: n < 0" if n is negative.
func (s *Weighted) TryAcquireUpTo(n int64) (taken int64) {
	mustNotBeNegative(n)
	s.seize()
	if s.mu.line.Len() == 0 {
		taken = max(0, min(n, s.size.Load()-s.mu.held))
	}
	s.mu.held += taken
	s.mu.total += uint64(taken)
	s.publish()
	if taken == 0 && n > 0 {
		s.refused.Add(1)
	}
	return taken
}

// Release gives n units back and lets those go on who now fit. It never waits.
// It panics with "semaphore: n < 0" if n is negative and with "semaphore:
// released more than held" if n is more than is held: the sign of a Release
// without its Acquire, most often after an error of Acquire was ignored.
func (s *Weighted) Release(n int64) {
	mustNotBeNegative(n)
	if !s.releaseFast(n) {
		s.releaseSlow(n, 0)
	}
}

// Take is [Weighted.Acquire] by the rules of [limiter.Limiter]: it returns a
// permit, and the error of a ctx that is done Is the context's cause as well. It
// panics with "semaphore: n < 0" if n is negative and with "semaphore: Take with
// a nil context" if ctx is nil.
//
// [limiter.Permit.Settle] gives units back early that turn out not to be needed.
func (s *Weighted) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	if ctx == nil {
		panic("semaphore: Take with a nil context")
	}
	mustNotBeNegative(n)
	if ctx.Err() == nil {
		if p, ok := s.takeFast(n); ok {
			return p, nil
		}
	}
	if err := s.acquire(ctx, n); err != nil {
		if _, refused := err.(*limiter.RefusedError); !refused {
			err = ctxerr.Of(ctx)
		}
		return limiter.Permit{}, err
	}
	return limiter.NewPermit(s, n), nil
}

// TryTake is [Weighted.TryAcquire] by the rules of [limiter.Limiter]: the error
// is a [*limiter.RefusedError], either [limiter.ErrFull] or [ErrTooLarge], whose
// RetryAfter is not known. It never waits, and panics with "semaphore: n < 0" if
// n is negative.
func (s *Weighted) TryTake(n int64) (limiter.Permit, error) {
	mustNotBeNegative(n)
	if p, ok := s.takeFast(n); ok {
		return p, nil
	}
	if err := s.tryAcquire(n); err != nil {
		return limiter.Permit{}, err
	}
	return limiter.NewPermit(s, n), nil
}

// Resize changes the size from now on, and lets those go on who now fit. Who
// waits for more than the new size is refused with [ErrTooLarge]. What is held
// stays held: if that is more than the new size, nobody gets anything until
// enough was given back. It never waits, and panics with "semaphore: size < 0" if
// n is negative.
func (s *Weighted) Resize(n int64) {
	mustHaveSize(n)
	s.seize()
	s.size.Store(n)
	tooLarge := s.refuseLocked()
	woken := s.serveLocked()
	s.publish()
	wakeAll(tooLarge)
	wakeAll(woken)
}

// acquire is what Acquire and Take share.
func (s *Weighted) acquire(ctx context.Context, n int64) error {
	if err := ctx.Err(); err != nil {
		s.cancelled.Add(1)
		return err
	}
	if s.tryFast(n) {
		return nil
	}
	// A context may be anyone's code, which must not run under the lock.
	done := ctx.Done()
	s.seize()
	select {
	case <-done: // while this call waited for the lock
		s.publish()
		s.cancelled.Add(1)
		return ctx.Err()
	default:
	}
	if s.takeLocked(n) {
		s.publish()
		return nil
	}
	var err error
	switch {
	case n > s.size.Load():
		err = errTooLarge
	case s.queue > 0 && s.mu.line.Len() >= s.queue-1:
		err = errFull
	default:
		return s.wait(ctx, done, n)
	}
	s.publish()
	s.refused.Add(1)
	return err
}

// tryAcquire is what TryAcquire and TryTake share.
func (s *Weighted) tryAcquire(n int64) error {
	if s.tryFast(n) {
		return nil
	}
	// A fast word that has too little says so without the lock.
	var err error = errFull
	if word := s.word.Load(); word&slow != 0 || n <= free(word) || n > s.size.Load() {
		s.seize()
		switch {
		case n > s.size.Load():
			err = errTooLarge
		case s.takeLocked(n):
			err = nil
		}
		s.publish()
	}
	if err != nil {
		s.refused.Add(1)
	}
	return err
}

// takeLocked takes n if that is free and nobody waits.
func (s *Weighted) takeLocked(n int64) bool {
	if s.mu.line.Len() > 0 || !s.fits(n) {
		return false
	}
	s.mu.held += n
	s.mu.total += uint64(n)
	return true
}

// releaseSlow gives back n units, and a slot if there is one, under the lock.
func (s *Weighted) releaseSlow(n int64, slot uint64) {
	s.seize()
	if n > s.mu.held {
		s.publish()
		panic("semaphore: released more than held")
	}
	s.mu.held -= n
	s.mu.slots &^= slot
	woken := s.serveLocked()
	s.publish()
	wakeAll(woken)
}

func mustNotBeNegative(n int64) {
	if n < 0 {
		panic("semaphore: n < 0")
	}
}

func mustHaveSize(n int64) {
	if n < 0 {
		panic("semaphore: size < 0")
	}
}

// Rank returns the semaphore's place in the order in which [limiter.All] takes
// from semaphores: each has a number of its own, above zero, from the first
// call on.
func (s *Weighted) Rank() uint64 { return s.rank.Number() }

// Quota returns the size and the units that are free, for those who tell clients
// of it; window and reset, the times of a rate, are zero.
func (s *Weighted) Quota() (limit, remaining int64, window, reset time.Duration) {
	size, held, _ := s.look()
	return size, max(0, size-held), 0, 0
}

// Stats returns what the semaphore says of itself: Limit is its size, InFlight
// the units held, Waiting the calls in line. Total counts units, from the moment
// their caller has them; Waited and WaitTime are of calls that were served after
// a wait; Refused counts calls that got nothing because there was no room, no
// room in line, or never will be, Cancelled those whose context ended. The rest
// stays zero. It takes constant time and may be called concurrently.
func (s *Weighted) Stats() belay.Stats {
	var stats belay.Stats
	stats.Limit, stats.InFlight, stats.Waiting = s.look()
	stats.WaitTime, stats.Waited = s.waits.histogram()
	stats.Total = s.total()
	stats.Refused = s.refused.Load()
	stats.Cancelled = s.cancelled.Load()
	return stats
}
