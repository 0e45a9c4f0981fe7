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
// A call that need not wait allocates nothing and reads no clock. One that waits
// allocates the channel that it waits on, if its context can end; else nothing.
// The package starts no goroutine and keeps no channel beyond the wait it was
// made for, so one semaphore may serve inside a testing/synctest bubble, outside,
// and inside the next. Who waits in a bubble must be let go from there, though:
// no one outside can wake it.
//
// When not to use it: as a lock, where a sync.Mutex says what is meant; for tasks that a group starts anyway (its SetLimit); and where nobody can
// say what the right size is, or it changes by the hour (limiter/adaptive).
//
// It does not know who holds what (package limiter's Watch does), does not order
// by weight or by priority, and takes nothing away from a holder.
package semaphore

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"github.com/belay-go/belay/internal/ctxerr"
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
	errNoWait   = &limiter.RefusedError{Reason: limiter.ErrFull, NoWait: true}
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
	word  atomic.Int64 // see word.go
	queue int64        // one more than may be in line; 0: any number. Set by New
	timed bool         // set by New
	own   atomic.Pointer[own]
	rank  rank.Rank

	size      atomic.Int64 // written while the word is seized
	refused   atomic.Uint64
	cancelled atomic.Uint64
	waitTime  waitTime

	// Valid while the word is slow, but for total, and line, which is empty while
	// it is fast.
	mu struct {
		sync.Mutex
		free    int64  // of size, and not held; negative after a Resize to below what is held
		granted int64  // of the last word
		slot    int64  // slotInUse or 0
		total   uint64 // units ever granted, less those in granted
		waited  uint64 // calls granted something after a wait
		line    line   // its first does not fit in free
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
	// WaitTime has [Weighted.Stats] say how long calls waited. A call that waits then
	// reads the clock twice, which can make it slower by a fifth.
	WaitTime bool
}

// NewWeighted returns a semaphore of size n, nothing of it held, in which any
// number of calls may wait. It panics with "semaphore: size < 0" if n is
// negative.
func NewWeighted(n int64) *Weighted { return New(Options{Size: n}) }

// New returns a semaphore, nothing of it held. It panics with "semaphore: size <
// 0" if the size is negative.
func New(o Options) *Weighted {
	mustHaveSize(o.Size)
	s := &Weighted{timed: o.WaitTime}
	switch {
	case o.Queue < 0:
		s.queue = 1
	case o.Queue > 0 && o.Queue < math.MaxInt64:
		s.queue = o.Queue + 1
	}
	s.Resize(o.Size)
	return s
}

// Acquire takes n units, waiting in line while they aren't free. It returns nil
// once it has them. Otherwise it has taken nothing, and the error is
//
//   - ctx.Err() itself, if ctx is done before the call, or gets done during the
//     wait;
//   - a [*limiter.RefusedError] that is [ErrTooLarge], at once, if n is more
//     than the size, and also when [Weighted.Resize] makes it so during the wait;
//   - one that is [limiter.ErrFull] and says NoWait, at once, if as many calls
//     wait as may.
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
// and returns how many it took: maybe none. So a batch can be as large as there
// is room for; with [math.MaxInt64] it takes all that is free. It never waits,
// and panics with "semaphore: n < 0" if n is negative.
func (s *Weighted) TryAcquireUpTo(n int64) (taken int64) {
	mustNotBeNegative(n)
	s.seize()
	if s.mu.line.Len() == 0 {
		taken = max(0, min(n, s.mu.free))
	}
	s.mu.free -= taken
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
// without its Acquire, most often after an error of Acquire was ignored. Units
// have no identity, so it may be a later one that panics, of those who then give
// back what was theirs: a [limiter.Permit.Release], or an Acquire whose context
// ended when it had just been served.
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
	switch err := s.acquire(ctx, n); err {
	case nil:
		return limiter.NewPermit(s, n), nil
	case errNoWait, errTooLarge:
		return limiter.Permit{}, err
	default:
		return limiter.Permit{}, ctxerr.Of(ctx)
	}
}

// TryTake is [Weighted.TryAcquire] by the rules of [limiter.Limiter]: the error
// is a [*limiter.RefusedError], either [limiter.ErrFull] or [ErrTooLarge], whose
// RetryAfter is not known. It says NoWait if as many calls wait as may. TryTake
// never waits, and panics with "semaphore: n < 0" if n is negative.
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

// Resize changes the size to n units from now on, and lets those go on who now
// fit. Who waits for more than n is refused with [ErrTooLarge]. What is held stays
// held: if that is more than n, nobody gets anything, not even nothing, until
// enough was given back. It never waits, takes time in proportion to those who
// do, and panics with "semaphore: size < 0" if n is negative.
func (s *Weighted) Resize(n int64) {
	mustHaveSize(n)
	s.seize()
	s.mu.free += n - s.size.Load()
	s.size.Store(n)
	s.refuseLocked()
	s.serveLocked()
	s.publish()
}

// acquire is what Acquire and Take share: it takes n, or waits for it.
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
	err := s.takeLocked(n)
	if err == errFull {
		return s.wait(ctx, done, n)
	}
	s.publish()
	if err == nil {
		return nil
	}
	s.refused.Add(1)
	return err
}

// tryAcquire is what TryAcquire and TryTake share.
func (s *Weighted) tryAcquire(n int64) error {
	if s.tryFast(n) {
		return nil
	}
	if s.fullFast(n) {
		s.refused.Add(1)
		return s.full(0) // nobody waits while the word is fast
	}
	s.seize()
	err := s.takeLocked(n)
	s.publish()
	if err == nil {
		return nil
	}
	s.refused.Add(1)
	return err
}

// takeLocked takes n if that is free and nobody waits. It says errFull only to
// whom may wait.
func (s *Weighted) takeLocked(n int64) *limiter.RefusedError {
	switch {
	case n > s.size.Load():
		return errTooLarge
	case n > s.mu.free || s.mu.line.Len() > 0:
		return s.full(s.mu.line.Len())
	}
	s.mu.free -= n
	s.mu.total += uint64(n)
	return nil
}

// full is the refusal for want of room while so many wait.
func (s *Weighted) full(waiting int64) *limiter.RefusedError {
	if s.queue > 0 && waiting >= s.queue-1 {
		return errNoWait
	}
	return errFull
}

// releaseSlow gives back n units, and the slot if its bit is given, under the
// lock. The slot goes back in any case, as its permit has ended.
func (s *Weighted) releaseSlow(n, slot int64) {
	s.seize()
	s.mu.slot &^= slot
	held := s.giveBackLocked(n)
	s.serveLocked()
	s.publish()
	mustHaveHeld(held)
}

// giveBackLocked makes n units free, if so many are held, and reports whether
// they were.
func (s *Weighted) giveBackLocked(n int64) (held bool) {
	if n > s.size.Load()-s.mu.free {
		return false
	}
	s.mu.free += n
	return true
}

func mustHaveHeld(held bool) {
	if !held {
		panic("semaphore: released more than held")
	}
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
