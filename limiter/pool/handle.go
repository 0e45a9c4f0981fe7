package pool

// This file is the handle: a value that gives a resource back once, however often
// it is told to, and whoever has copies of it.

import (
	"runtime"
	"time"

	"github.com/belay-go/belay/limiter"
)

// Handle is a resource on loan, from [Pool.Get]. It is a small value and may be
// copied: all copies are one handle. The zero Handle is one that was released.
//
// Its methods may be called concurrently and never wait. Which of Release, Discard
// and Detach comes first ends the loan; a handle of before then is stale for good,
// also when the resource is lent again.
type Handle[T any] struct {
	entry *entry[T]
	gen   uint64
}

// holding says who has an entry, if the pool tracks that.
type holding struct {
	since time.Time
	stack [32]uintptr // of Get's caller; zeros at the end
}

// lend makes the handle of an entry. It is called by Get alone.
func (p *Pool[T]) lend(e *entry[T]) Handle[T] {
	if p.tracking.Load() {
		h := &holding{since: time.Now()}
		runtime.Callers(3, h.stack[:]) // without Callers, lend and Get
		e.held.Store(h)
	}
	return Handle[T]{entry: e, gen: e.gen.Load()}
}

// Value returns the resource. It must not be used after the handle has been
// released; a call of Value then panics with "pool: Value of a released handle".
func (h Handle[T]) Value() T {
	if h.entry == nil || h.entry.gen.Load() != h.gen {
		panic("pool: Value of a released handle")
	}
	return h.entry.value
}

// Release gives the resource back, to the next in line or to be idle. Of a stale
// handle it does nothing.
func (h Handle[T]) Release() {
	if h.end() {
		h.entry.pool.giveBack(h.entry)
	}
}

// Discard gives back a resource that is broken, or may be: it is closed, and
// others that are idle are checked before they are lent again. Of a stale
// handle it does nothing.
func (h Handle[T]) Discard() {
	if h.end() {
		h.entry.pool.discard(h.entry, false)
	}
}

// Detach takes the resource out of the pool for good: the caller closes it, and
// then releases the permit, which holds its place until then. It panics with
// "pool: Detach of a released handle" if the handle is stale.
func (h Handle[T]) Detach() (T, limiter.Permit) {
	if !h.end() {
		panic("pool: Detach of a released handle")
	}
	p := h.entry.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moveLocked(h.entry, gone)
	p.mu.places++
	return h.entry.value, limiter.NewPermit((*places[T])(p), 1)
}

// end ends the loan, and reports whether it was this call that did.
func (h Handle[T]) end() bool {
	e := h.entry
	if e == nil || e.gen.Load() != h.gen {
		return false
	}
	if !e.gen.CompareAndSwap(h.gen, h.gen+1) {
		return false
	}
	if e.held.Load() != nil { // nobody else has the entry before it is given back
		e.held.Store(nil)
	}
	return true
}
