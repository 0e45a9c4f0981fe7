package errgroup

// This file is the way of a task from Go to a worker: slots, the queue and the
// Gos that wait for a slot. Every transition is one function, under the lock:
//
//	          acceptLocked             a worker's next, or its start
//	 Go ───────────────────────▶ queue ──────────────────────────────▶ runs
//	  │ full                      ▲  │                                  │
//	  └─▶ waitLocked ─admitLocked─┘  │ acceptLocked, waitLocked         │ next:
//	          ▲                      │ of a group that is direct        │ slot free
//	          │                      └─▶ runs on its own goroutine ─────┤
//	          └─────────────────────────────────────────────────────────┘
//
// A group is direct if each task gets a goroutine of its own: it has no limit,
// or was asked to. There an admitted Go gets the slot and starts its task by
// itself, so that the task inherits from its submitter what goroutines inherit.

import "sync"

func (g *Group) fullLocked() bool {
	return g.mu.limited && g.mu.active >= g.mu.limit
}

func (g *Group) directLocked() bool {
	return !g.mu.limited || g.fresh || freshGoroutines
}

// acceptLocked gives f a slot, and reports whether the caller has to start it.
func (g *Group) acceptLocked(f func() error) (direct bool) {
	g.mu.active++
	if g.directLocked() {
		return true
	}
	g.mu.queue.push(f)
	g.staffLocked()
	return false
}

// admitLocked gives free slots to the Gos that have waited longest.
func (g *Group) admitLocked() {
	for !g.mu.blocked.empty() && !g.fullLocked() {
		w := g.mu.blocked.pop()
		w.direct = g.acceptLocked(w.f)
		w.admitted = true
		w.f = nil
		w.wake.Signal()
	}
}

// staffLocked starts workers until each queued task has one that is inside no
// other task. Without that a task could be queued behind a running one.
func (g *Group) staffLocked() {
	for g.mu.spare < g.mu.queue.len() {
		g.mu.spare++
		go g.work(nil) // ends when it finds the queue empty
	}
}

// waitLocked blocks until f is admitted, unlocks, and reports whether the
// caller has to start it.
func (g *Group) waitLocked(f func() error) (direct bool) {
	w := g.mu.blocked.push(f, &g.mu)
	for !w.admitted {
		w.wake.Wait()
	}
	direct = w.direct
	if g.mu.active > 0 { // at rest nothing is kept
		g.mu.blocked.recycle(w)
	}
	g.mu.Unlock()
	return direct
}

// waiter is one blocked Go. Each has a Cond of its own, so that it is woken
// alone, and in order. A Cond keeps nothing of the goroutines that have waited
// on it, so a waiter may be used in one synctest bubble after the other, as a
// channel may not.
type waiter struct {
	next     *waiter
	f        func() error
	admitted bool // set once, by admitLocked
	direct   bool // valid once admitted
	wake     sync.Cond
}

// waiters is a first-in first-out list of blocked Gos, and those that may be
// used again.
type waiters struct {
	first, last *waiter
	free        *waiter
}

func (l *waiters) empty() bool { return l.first == nil }

func (l *waiters) push(f func() error, mu sync.Locker) *waiter {
	w := l.free
	if w == nil {
		w = &waiter{wake: sync.Cond{L: mu}}
	} else {
		l.free = w.next
	}
	w.next, w.f, w.admitted = nil, f, false
	if l.first == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	return w
}

func (l *waiters) pop() *waiter {
	w := l.first
	if l.first = w.next; l.first == nil {
		l.last = nil
	}
	return w
}

func (l *waiters) recycle(w *waiter) {
	w.next, l.free = l.free, w
}
