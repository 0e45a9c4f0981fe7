// Package semaphore bounds how much is in flight at once: a weighted semaphore
// that serves strictly in order, and a drop-in for
// golang.org/x/sync/semaphore.
//
// A [Weighted] has a size. [Weighted.Acquire] takes some of it and waits while
// there isn't enough, [Weighted.TryAcquire] never waits, [Weighted.Release]
// gives back. What holds at any time:
//
//   - No more than the size is held.
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
// can never be served and fails at once with [ErrTooLarge].
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
//   - [Weighted.Stats] and ErrTooLarge are additional.
//
// An Acquire that need not wait allocates nothing and reads no clock. The
// package starts no goroutine and keeps no channel beyond the wait it was made
// for, so one semaphore may serve inside a testing/synctest bubble, outside,
// and inside the next.
//
// It does not know who holds what, does not order by weight or by priority, and
// takes nothing away from a holder.
package semaphore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/belay-go/belay"
)

// ErrTooLarge reports a request for more than the whole semaphore: waiting
// would not help. Compare with [errors.Is].
var ErrTooLarge = errors.New("semaphore: request larger than the semaphore")

// Weighted is a semaphore of a fixed size. Its units have no identity: whoever
// wants may release what another goroutine acquired.
//
// The zero value has the size zero, so that only requests of weight zero
// succeed; use [NewWeighted]. A Weighted must not be copied after first use.
// All methods may be called concurrently.
//
// What happened before a Release is visible after every Acquire or TryAcquire
// that succeeds later: they are ordered like the Unlock and Lock of a mutex.
type Weighted struct {
	mu struct {
		sync.Mutex
		size  int64
		held  int64 // of size; 0 <= held <= size
		line  line  // its first waiter does not fit in size-held
		stats counters
	}
}

// NewWeighted returns a semaphore of size n, nothing of it held. It panics with
// "semaphore: size < 0" if n is negative.
func NewWeighted(n int64) *Weighted {
	if n < 0 {
		panic("semaphore: size < 0")
	}
	s := new(Weighted)
	s.mu.size = n
	return s
}

// Acquire takes n units, waiting in line while they aren't free. It returns nil
// once it has them. Otherwise it has taken nothing, and the error is
//
//   - ctx.Err() itself, if ctx is done before the call, or gets done during the
//     wait;
//   - one that is [ErrTooLarge], at once, if n is more than the size.
//
// A weight of zero takes nothing but waits its turn if others wait. Acquire
// panics with "semaphore: n < 0" if n is negative and with "semaphore: Acquire
// with a nil context" if ctx is nil.
func (s *Weighted) Acquire(ctx context.Context, n int64) error {
	if ctx == nil {
		panic("semaphore: Acquire with a nil context")
	}
	mustNotBeNegative(n)
	w, err := s.takeOrLineUp(ctx, n)
	if w == nil {
		return err
	}
	began := time.Now()
	select {
	case <-w.granted:
	case <-ctx.Done():
	}
	return s.settle(ctx, w, began)
}

// TryAcquire takes n units if they are free and nobody waits, and reports
// whether it did. It never waits, and panics with "semaphore: n < 0" if n is
// negative.
func (s *Weighted) TryAcquire(n int64) bool {
	mustNotBeNegative(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.takeLocked(n) {
		s.mu.stats.refused++
		return false
	}
	return true
}

// Release gives n units back and lets those go on who now fit. It never waits.
// It panics with "semaphore: n < 0" if n is negative and with "semaphore:
// released more than held" if n is more than is held: the sign of a Release
// without its Acquire, most often after an error of Acquire was ignored.
func (s *Weighted) Release(n int64) {
	mustNotBeNegative(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > s.mu.held {
		panic("semaphore: released more than held")
	}
	s.giveBackLocked(n)
}

// takeOrLineUp ends in one of three ways: it took n (nil, nil), it refused (nil
// and why), or it put a waiter in line.
func (s *Weighted) takeOrLineUp(ctx context.Context, n int64) (*waiter, error) {
	// Done is called here because a context may be anyone's code, which must
	// not run under the lock. The channel is looked at under the lock: a context
	// that got done while this call waited for the lock loses as well.
	done := ctx.Done()

	s.mu.Lock()
	select {
	case <-done:
		s.mu.stats.cancelled++
		s.mu.Unlock()
		return nil, ctx.Err()
	default:
	}
	defer s.mu.Unlock()
	if n > s.mu.size {
		s.mu.stats.refused++
		return nil, fmt.Errorf("%w: %d of %d", ErrTooLarge, n, s.mu.size)
	}
	if s.takeLocked(n) {
		return nil, nil
	}
	w := &waiter{n: n, granted: make(chan struct{})}
	s.mu.line.push(w)
	return w, nil
}

// settle ends the wait of w, which was granted, or whose context ended, or
// both. Where it was both, the context wins and the grant goes back: to its
// caller, the end of the context came first.
func (s *Weighted) settle(ctx context.Context, w *waiter, began time.Time) error {
	done := ctx.Done()
	waited := time.Since(began)

	s.mu.Lock()
	select {
	case <-done:
	default:
		s.mu.stats.granted(w.n)
		s.mu.stats.waited(waited)
		s.mu.Unlock()
		return nil
	}
	s.mu.stats.cancelled++
	if w.state == granted {
		s.giveBackLocked(w.n)
	} else {
		w.state = left
		s.mu.line.remove(w)
		s.grantLocked()
	}
	s.mu.Unlock()
	return ctx.Err()
}

// takeLocked takes n if that is free and nobody waits. The subtraction can't
// overflow, where held+n could.
func (s *Weighted) takeLocked(n int64) bool {
	if n > s.mu.size-s.mu.held || s.mu.line.first != nil {
		return false
	}
	s.mu.held += n
	s.mu.stats.granted(n)
	return true
}

// giveBackLocked frees n units for those in line.
func (s *Weighted) giveBackLocked(n int64) {
	s.mu.held -= n
	s.grantLocked()
}

// grantLocked serves the line from its front as far as it fits: the one place
// where a waiter is granted. It must follow every change that may let the first
// in line fit.
//
// It stops at the first that doesn't fit. To look further for a smaller one
// keeps more units busy, and starves the large request for as long as small
// ones come: a writer that wants all of a semaphore of readers would never run.
func (s *Weighted) grantLocked() {
	for w := s.mu.line.first; w != nil && w.n <= s.mu.size-s.mu.held; w = s.mu.line.first {
		s.mu.line.remove(w)
		s.mu.held += w.n
		w.state = granted
		close(w.granted)
	}
}

func mustNotBeNegative(n int64) {
	if n < 0 {
		panic("semaphore: n < 0")
	}
}

// Stats returns what the semaphore says of itself: Limit is its size, InFlight
// the units held, Waiting the Acquires in line. Total counts units, from the
// moment their caller has them; Waited and WaitTime are of Acquires that were
// served after a wait; Refused counts failed TryAcquires and requests that were
// too large, Cancelled the Acquires whose context ended. The rest stays zero.
// It takes constant time and may be called concurrently.
func (s *Weighted) Stats() belay.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return belay.Stats{
		Limit:     s.mu.size,
		InFlight:  s.mu.held,
		Waiting:   s.mu.line.length,
		Total:     s.mu.stats.total,
		Waited:    s.mu.stats.waits,
		Refused:   s.mu.stats.refused,
		Cancelled: s.mu.stats.cancelled,
		WaitTime:  s.mu.stats.waitTime,
	}
}
