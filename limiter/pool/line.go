package pool

// This file is the line of those who wait, and the states of each of them.

import (
	"context"
	"time"

	"github.com/belay-go/belay"
)

// turn says how far a wait has come. It changes once, under the pool's lock:
//
//	wait ──> queued ──> served
//	            ├─────> refused
//	            └─────> left
type turn uint8

const (
	queued  turn = iota // in line. From wait, to one of the others
	served              // out of line, with an entry or places. From queued, by settleLocked
	refused             // out of line, with an error or a panic. From queued, by opened and Close
	left                // out of line with nothing. From queued, by its own giveUp
)

// waiter is one call in line. Its own call has it, and below the lock everyone.
type waiter[T any] struct {
	ctx    context.Context // of the call, which lasts as long: for the values of an Open
	n      int64           // places; zero: an entry
	broken *entry[T]       // what the call has got and did not want
	turn   turn
	opens  *entry[T]     // that was begun for it
	ready  chan struct{} // has room for the one send; made for this wait

	got      *entry[T]
	err      error
	panicked *belay.PanicError
}

// wait puts a call in line and waits. Where the grant and the end of the context
// meet, the context wins and the grant goes to the next.
func (p *Pool[T]) wait(ctx context.Context, call waiter[T], now instant) (*entry[T], error) {
	done := ctx.Done() // may be anyone's code, which must not run under the lock
	w, _ := p.elems.Get().(*elem[T])
	if w == nil {
		w = new(elem[T])
	}
	defer p.discardElem(w)
	began := p.clock()
	call.ctx, call.ready = ctx, make(chan struct{}, 1)
	w.Value = call
	if err := p.join(w, now); err != nil {
		return nil, err
	}
	select {
	case <-w.Value.ready:
		select {
		case <-done:
		default:
			return p.waited(w, began)
		}
	case <-done:
	}
	p.giveUp(w)
	return nil, p.done(ctx)
}

func (p *Pool[T]) discardElem(w *elem[T]) {
	w.Value = waiter[T]{} // a channel must not outlive its wait
	p.elems.Put(w)
}

// clock reads the clock if wait times are kept.
func (p *Pool[T]) clock() instant {
	if !p.o.WaitTime {
		return 0
	}
	return instant(time.Since(epoch))
}

// join puts w in line, unless it may not wait. Who comes back with what was
// broken has had its turn, and is the first.
func (p *Pool[T]) join(w *elem[T], now instant) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	broken := w.Value.broken
	if broken != nil {
		p.brokenLocked(broken, true)
	}
	switch {
	case p.mu.closed:
		p.mu.stats.Refused++
		p.settleLocked(now)
		return errClosed
	case broken != nil:
		p.mu.line.Insert(w, p.mu.line.First())
	case p.fullLocked(w.Value.n) == errNoWait:
		p.mu.stats.Refused++
		return errNoWait
	default:
		p.mu.line.Push(w)
	}
	p.settleLocked(now)
	return nil
}

// waited ends the wait of w, which was woken. Nobody else has it any more.
func (p *Pool[T]) waited(w *elem[T], began instant) (*entry[T], error) {
	if w.Value.panicked != nil {
		w.Value.panicked.Repanic()
	}
	if p.o.WaitTime && w.Value.turn == served {
		d := time.Duration(p.clock() - began)
		p.mu.Lock()
		p.mu.stats.WaitTime.Observe(d)
		p.mu.Unlock()
	}
	return w.Value.got, w.Value.err
}

// giveUp ends the wait of w because its context is done.
func (p *Pool[T]) giveUp(w *elem[T]) {
	now := p.now()
	p.mu.Lock()
	switch {
	case w.Value.turn == queued:
		p.dismissLocked(w, left)
	case w.Value.got != nil:
		p.offerLocked(w.Value.got, now)
	case w.Value.turn == served:
		p.mu.places -= w.Value.n
	}
	p.settleLocked(now)
	p.mu.Unlock()
	if w.Value.panicked != nil {
		w.Value.panicked.Repanic() // is not swallowed, whatever came first
	}
}

// dismissLocked takes w out of line and wakes it. What was begun for it goes on
// for whoever is first in line then.
func (p *Pool[T]) dismissLocked(w *elem[T], as turn) {
	p.disownLocked(w)
	p.mu.line.Remove(w)
	w.Value.turn = as
	w.Value.ready <- struct{}{} // never waits: there is room for the only one
}

// disownLocked parts a wait, if it is one, from the Open begun for it, if there
// is.
func (p *Pool[T]) disownLocked(w *elem[T]) {
	if w != nil && w.Value.opens != nil {
		w.Value.opens.owner, w.Value.opens = nil, nil
	}
}

// settleLocked serves the line from its front as far as there is what it wants,
// then begins to make it: the one place where a waiter is granted something. It
// must follow every change to what is idle, free, or in line.
//
// It stops at the first that can't be served. To go on to later ones that want
// less would starve a Take of many places.
func (p *Pool[T]) settleLocked(now instant) {
	for w := p.mu.line.First(); w != nil; w = p.mu.line.First() {
		if n := w.Value.n; n > 0 {
			if n > p.freeLocked() {
				break
			}
			p.mu.places += n
			p.mu.stats.Total += uint64(n)
		} else {
			e := p.popIdleLocked(now)
			if e == nil {
				break
			}
			w.Value.got = e
			p.mu.stats.Total++
		}
		p.mu.stats.Waited++
		p.dismissLocked(w, served)
	}
	if w := p.mu.line.First(); w != nil {
		p.growLocked(w, now)
		return
	}
	for p.mu.idle.Len() > int64(p.o.MaxIdle) {
		p.closeLocked(p.mu.idle.First().Value)
	}
	if p.mu.closed {
		p.endLocked()
	}
}

// growLocked begins what the line needs, of which w is the first: it opens for
// those who want a resource and closes for one who wants places, but not for
// those behind that one, who would get the places that it waits for.
func (p *Pool[T]) growLocked(w *elem[T], now instant) {
	if w.Value.n > 0 {
		missing := w.Value.n - p.freeLocked() - p.mu.count[closing]
		for ; missing > 0 && p.mu.idle.Len() > 0; missing-- {
			p.closeLocked(p.mu.idle.First().Value)
		}
		if w.Value.n <= p.freeLocked() { // there was nothing to do to close it
			p.settleLocked(now)
		}
		return
	}
	// Whatever is being opened, for whomever, serves the first of the line. So
	// there is no more to do if as much is being opened as is waited for. While a
	// place is free, the line is hardly longer than that.
	owner := w
	for need := int64(1); w != nil && w.Value.n == 0 && p.freeLocked() > 0; need++ {
		if p.mu.count[opening] < need {
			for owner.Value.opens != nil { // for one of the first so many, none was begun
				owner = owner.Next()
			}
			ctx, cancel := context.WithCancelCause(context.WithoutCancel(owner.Value.ctx))
			go p.open(ctx, p.startLocked(owner, cancel)) // ends with Open
		}
		w = w.Next()
	}
}
