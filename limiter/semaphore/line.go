package semaphore

// This file is the line of those who wait, and the states of each of them.

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/fifo"
)

// state says how far a wait has come. It changes once, under the semaphore's
// lock, and never back:
//
//	Acquire ──> queued ──> served
//	               ├─────> refused
//	               └─────> left
type state uint8

const (
	queued  state = iota // in line. From Acquire, to one of the others
	served               // out of line, its units held. From queued, by serveLocked
	refused              // out of line with nothing. From queued, by Resize
	left                 // out of line with nothing. From queued, by its own give-up
)

// waiter is one call in line. All of it is guarded by the semaphore's lock, but
// for what says otherwise.
type waiter struct {
	n     int64
	state state

	// How it is woken, once, after it left queued: by closing ready, which is made
	// for this one wait, as a channel belongs to the synctest bubble that made
	// it; or by cond, where no context can end the wait. A Cond keeps nothing of
	// those who waited on it, so it may be used again, in whatever bubble. It
	// orders no memory either: woken does, as closing a channel would.
	ready chan struct{}
	cond  sync.Cond
	woken atomic.Uint64

	wake *elem // the next to be woken. Owned by whoever wakes
}

type elem = fifo.Elem[waiter]

// elems are the elements in no line. None of them has a channel.
var elems = sync.Pool{New: func() any { return new(elem) }}

// unlocker is the lock as a waiter's Cond sees it: unlocked for the wait, and
// not needed after it.
type unlocker sync.Mutex

func (*unlocker) Lock()     {}
func (m *unlocker) Unlock() { (*sync.Mutex)(m).Unlock() }

// epoch is what times of waits are counted from: the difference of two such
// readings costs half of that of two of [time.Now].
var epoch = time.Now()

// wait puts a call for n units in line and waits. It is called with the
// semaphore seized and returns with it unlocked. Where the grant and the end of
// the context meet, the context wins and the grant goes back: to the caller, the
// end of the context came first.
func (s *Weighted) wait(ctx context.Context, done <-chan struct{}, n int64) error {
	began := time.Since(epoch)
	w := elems.Get().(*elem)
	w.Value.n, w.Value.state = n, queued
	s.mu.line.Push(w)
	if done == nil {
		w.Value.cond.L = (*unlocker)(&s.mu.Mutex)
		w.Value.cond.Wait() // unlocks; the word stays slow, as there is a line
		w.Value.woken.Load()
	} else {
		w.Value.ready = make(chan struct{})
		s.mu.Unlock()
		select {
		case <-w.Value.ready:
			if ctx.Err() != nil {
				return s.giveUp(ctx, w)
			}
		case <-done:
			return s.giveUp(ctx, w)
		}
	}
	// Who woke it is done with it, and wrote its state before.
	state := w.Value.state
	w.Value.ready, w.Value.cond.L = nil, nil
	elems.Put(w)
	if state == refused {
		s.refused.Add(1)
		return errTooLarge
	}
	s.waits.observe(n, time.Since(epoch)-began)
	return nil
}

// giveUp ends the wait of w because its context is done. Its element may be
// about to be woken still, so it is left to the garbage collector.
func (s *Weighted) giveUp(ctx context.Context, w *elem) error {
	s.seize()
	switch w.Value.state {
	case queued:
		w.Value.state = left
		s.mu.line.Remove(w)
	case served:
		s.mu.held -= w.Value.n
	}
	woken := s.serveLocked()
	s.publish()
	wakeAll(woken)
	s.cancelled.Add(1)
	return ctx.Err()
}

// serveLocked serves the line from its front as far as it fits: the one place
// where a waiter is granted something. It must follow every change that may let
// the first in line fit. Those served are returned, for the caller to wake after
// it has unlocked.
//
// It stops at the first that doesn't fit. To look further for a smaller one
// keeps more units busy, and starves the large request for as long as small
// ones come: a writer that wants all of a semaphore of readers would never run.
func (s *Weighted) serveLocked() (woken *elem) {
	var last *elem
	for w := s.mu.line.First(); w != nil && s.fits(w.Value.n); w = s.mu.line.First() {
		s.mu.line.Remove(w)
		s.mu.held += w.Value.n
		w.Value.state = served
		woken, last = link(woken, last, w)
	}
	return woken
}

// refuseLocked takes out of the line who asked for more than the size.
func (s *Weighted) refuseLocked() (woken *elem) {
	var last *elem
	for w := s.mu.line.First(); w != nil; {
		next := w.Next()
		if w.Value.n > s.size.Load() {
			s.mu.line.Remove(w)
			w.Value.state = refused
			woken, last = link(woken, last, w)
		}
		w = next
	}
	return woken
}

// link appends w to the list of those to wake.
func link(first, last, w *elem) (newFirst, newLast *elem) {
	if last == nil {
		return w, w
	}
	last.Value.wake = w
	return first, w
}

// wakeAll wakes those in a list that link made, in its order. Nothing of an
// element may be touched once it was woken: it may wait elsewhere by then.
func wakeAll(first *elem) {
	for w := first; w != nil; {
		next := w.Value.wake
		w.Value.wake = nil
		if w.Value.ready != nil {
			close(w.Value.ready)
		} else {
			w.Value.woken.Add(1)
			w.Value.cond.Signal()
		}
		w = next
	}
}

// waits counts those who were served after a wait. Each counts itself, when it
// has what it waited for; so nothing has to be taken back of one whose context
// ended meanwhile.
type waits struct {
	units  atomic.Uint64
	sum    atomic.Int64
	counts [belay.WaitBuckets]atomic.Uint64
}

func (w *waits) observe(n int64, d time.Duration) {
	w.units.Add(uint64(n))
	i := 0
	for i < len(w.counts)-1 && d >= belay.WaitBound(i) {
		i++
	}
	w.counts[i].Add(1)
	w.sum.Add(int64(d))
}

func (w *waits) histogram() (h belay.WaitHistogram, calls uint64) {
	for i := range h.Counts {
		h.Counts[i] = w.counts[i].Load()
		calls += h.Counts[i]
	}
	h.Sum = time.Duration(max(0, w.sum.Load()))
	return h, calls
}
