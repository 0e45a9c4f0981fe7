package semaphore

// This file is the line of those who wait, and the states of each of them.

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

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
	refused              // out of line with nothing. From queued, by refuseLocked
	left                 // out of line with nothing. From queued, by its own giveUp
)

// waiter is one call in line. Its own call has it, and below the lock everyone.
type waiter struct {
	s     *Weighted
	n     int64
	state state
	began time.Duration // of the wait; zero unless wait times are kept

	// How it is woken, once, when it was served or refused: by a send to ready,
	// which has room for it and is made for this one wait; or by cond, where no
	// context can end it.
	ready chan struct{}
	cond  sync.Cond
	// woken is for the race detector, which does not know what a Cond orders.
	woken atomic.Bool
}

type (
	line = fifo.Line[waiter]
	elem = fifo.Elem[waiter]
)

// elems are the elements in no line. None of them has a channel, as a channel
// belongs to the synctest bubble that made it. A Cond keeps nothing of those who
// waited on it, so it may be used again, in whatever bubble.
var elems = sync.Pool{New: func() any {
	w := new(elem)
	w.Value.cond.L = (*sleeper)(&w.Value)
	return w
}}

// sleeper is the seized semaphore as a waiter's Cond sees it: published for the
// wait, and not needed after it.
type sleeper waiter

func (*sleeper) Lock() {}

func (w *sleeper) Unlock() {
	w.s.publish()
	w.began = w.s.now()
}

// epoch is what times of waits are counted from: the difference of two such
// readings costs half of that of two of [time.Now].
var epoch = time.Now()

// now reads the clock if wait times are kept.
func (s *Weighted) now() time.Duration {
	if !s.timed {
		return 0
	}
	return time.Since(epoch)
}

// wait puts a call for n units in line and waits. It is called with the
// semaphore seized, and returns after it was published. Where the grant and the
// end of the context meet, the context wins and the grant goes back: to the
// caller, the end of the context came first.
func (s *Weighted) wait(ctx context.Context, done <-chan struct{}, n int64) error {
	w := elems.Get().(*elem)
	w.Value.s, w.Value.n, w.Value.state = s, n, queued
	if done != nil {
		w.Value.ready = make(chan struct{}, 1)
	}
	s.mu.line.Push(w)
	if done == nil {
		w.Value.cond.Wait() // publishes
		w.Value.woken.Swap(false)
		return s.waited(w)
	}
	s.publish()
	w.Value.began = s.now()
	select {
	case <-w.Value.ready:
		// Not by ctx.Err: that may be anyone's code, and units are held here.
		select {
		case <-done:
			s.giveUp(w)
		default:
			return s.waited(w)
		}
	case <-done:
		s.giveUp(w)
	}
	return ctx.Err()
}

// waited ends the wait of w, which was woken. Nobody else has it any more.
func (s *Weighted) waited(w *elem) error {
	state, began := w.Value.state, w.Value.began
	discard(w)
	if state == refused {
		s.refused.Add(1)
		return errTooLarge
	}
	if s.timed {
		s.waitTime.observe(s.now() - began)
	}
	return nil
}

// giveUp ends the wait of w because its context is done.
func (s *Weighted) giveUp(w *elem) {
	s.cancelled.Add(1)
	s.seize()
	held := true
	switch w.Value.state {
	case queued:
		w.Value.state = left
		s.mu.line.Remove(w)
	case served:
		held = s.giveBackLocked(w.Value.n)
	}
	s.serveLocked()
	s.publish()
	discard(w)
	mustHaveHeld(held)
}

// serveLocked serves the line from its front as far as it fits: the one place
// where a waiter is granted something. It must follow every change that may let
// the first in line fit.
//
// It stops at the first that doesn't fit. To look further for a smaller one
// keeps more units busy, and starves the large request for as long as small
// ones come: a writer that wants all of a semaphore of readers would never run.
func (s *Weighted) serveLocked() {
	for w := s.mu.line.First(); w != nil && w.Value.n <= s.mu.free; w = s.mu.line.First() {
		s.mu.free -= w.Value.n
		s.mu.total += uint64(w.Value.n)
		s.mu.waited++
		s.dismissLocked(w, served)
	}
}

// refuseLocked refuses those in line who wait for more than the size.
func (s *Weighted) refuseLocked() {
	for w := s.mu.line.First(); w != nil; {
		next := w.Next()
		if w.Value.n > s.size.Load() {
			s.dismissLocked(w, refused)
		}
		w = next
	}
}

// dismissLocked takes w out of line and wakes it.
//
// To wake it after the lock was released, so that it is held for a shorter time,
// looks better and is not. Then those who are woken, and those who woke them and
// come again, meet on two processors and pass everything to and fro: eight
// goroutines at two units take twice as long.
func (s *Weighted) dismissLocked(w *elem, as state) {
	s.mu.line.Remove(w)
	w.Value.state = as
	if w.Value.ready != nil {
		w.Value.ready <- struct{}{} // never waits: there is room for the only one
		return
	}
	w.Value.woken.Store(true)
	w.Value.cond.Signal()
}

// discard leaves an element, without its channel, to whoever waits next. A
// channel that is used again may be of another bubble, or of none, than who waits
// on it: a wait outside and one inside can stand in one line.
func discard(w *elem) {
	w.Value.s, w.Value.ready = nil, nil
	elems.Put(w)
}
