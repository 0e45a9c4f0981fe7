package errgroup

// This file is the way of a task from Go to a worker: slots, the queue and the
// Gos that wait for a slot. Every transition happens under the lock:
//
//	          accept             a worker's next, or its start
//	 Go ────────────────▶ queue ───────────────────────────────▶ runs
//	  │ full               ▲                                      │
//	  └─▶ blocked ─────────┘                                next: │
//	          ▲  admitLocked, by the worker whose task has ended  │
//	          └───────────────────────────────────────────────────┘
//
// A group is direct if each task gets a goroutine of its own: it has no limit,
// or was asked to. Such a task goes straight from accept to runs, and a blocked
// Go is given the slot and starts its task by itself, so that the task inherits
// from its submitter what goroutines inherit.

import "sync"

// spins is how often lock asks before it parks. The lock is held for some
// twenty nanoseconds; parking on it costs ten times that and, worse, wakes a
// goroutine on a processor that had something better to run.
const spins = 100

func (g *Group) lock() {
	for range spins {
		if g.mu.TryLock() {
			return
		}
	}
	g.mu.Lock()
}

func (g *Group) direct() bool { return g.fresh || freshGoroutines }

func (g *Group) fullLocked() bool {
	return g.mu.limited && g.mu.active >= g.mu.limit
}

// accept gives f a slot, unlocks, and sees to it that a worker which is inside
// no task gets to f. Without that a task could be queued behind a running one.
func (g *Group) accept(f func() error) {
	g.mu.active++
	switch {
	case g.direct() || !g.mu.limited:
		g.mu.Unlock()
	case !g.mu.begun: // most groups are small, many are of one: no queue for that
		g.mu.begun = true
		g.mu.Unlock()
	default:
		g.mu.queue.push(f)
		worker := g.staffLocked()
		g.mu.Unlock()
		if worker != nil {
			go worker() // ends when it finds the queue empty
		}
		return
	}
	go g.workOn(f) // ends with f, or with the queue
}

// spares is how many workers without a task there have to be while tasks are
// queued. Whichever of them gets to run takes a task and starts the next spare
// one, so all queued tasks get going without a goroutine for each of those that
// are over before it would run. One would do; but what was started last comes
// next on the processor that started it, and others fetch it from there only
// slowly, so there are two.
const spares = 2

// staffLocked returns what the caller has to start if there are too few spare
// workers, else nil.
func (g *Group) staffLocked() (worker func()) {
	if g.mu.spare >= min(g.mu.queue.len(), spares) {
		return nil
	}
	return g.hireLocked()
}

// hireLocked returns a worker, for the caller to start.
func (g *Group) hireLocked() (worker func()) {
	if g.mu.worker == nil {
		g.mu.worker = g.work // bound once, so that starting one allocates nothing
	}
	g.mu.spare++
	return g.mu.worker
}

// admitLocked gives a free slot to the Go that has waited longest, if there are
// both. The caller must wake the waiter that is returned, after unlocking:
// waking takes longer than all that the lock is held for otherwise.
func (g *Group) admitLocked() *waiter {
	if g.mu.blocked.n == 0 || g.fullLocked() {
		return nil
	}
	w := g.mu.blocked.pop()
	g.mu.active++
	g.woken.Add(1)
	if !g.direct() {
		g.mu.queue.push(w.f)
	}
	w.f = nil
	return w
}

// limitTo sets the limit, admits the Gos for which there is room now, and
// unlocks.
func (g *Group) limitTo(n int) {
	g.mu.limited, g.mu.limit = n >= 0, max(n, 0)
	g.mu.pace.low = g.mu.limit / 4
	var woken *waiter // in no order: each is woken alone
	for {
		w := g.admitLocked()
		if w == nil {
			break
		}
		w.next, woken = woken, w
	}
	hired := 0
	for g.staffLocked() != nil {
		hired++
	}
	worker := g.mu.worker
	g.mu.Unlock()
	for range hired {
		go worker() // ends when it finds the queue empty
	}
	for woken != nil {
		w := woken
		woken = w.next // before it is woken, though nobody recycles it
		w.wake.Signal()
	}
}

// block waits until f is admitted. It is called with the lock and returns
// without.
func (g *Group) block(f func() error) {
	w := g.mu.blocked.push(f, (*unlocker)(g))
	w.wake.Wait() // unlocks
	// From here on w may already be another Go's.
	g.woken.Add(-1)
	if g.direct() {
		go g.workOn(f) // ends with f
	}
}

// unlocker is the group as a blocked Go sees it: it unlocks to wait, and has
// nothing to lock for when it is woken, since its task is on its way by then.
// What the worker did before is visible to it by woken.
type unlocker Group

func (*unlocker) Lock()     {}
func (g *unlocker) Unlock() { g.mu.Unlock() }

// waiter is one blocked Go. Each has a Cond of its own, so that it is woken
// alone, and in order. A Cond keeps nothing of the goroutines that have waited
// on it, so a waiter may be used in one synctest bubble after the other, as a
// channel may not.
type waiter struct {
	next *waiter
	f    func() error
	wake sync.Cond // signalled once, when f is admitted
}

// waiters is a first-in first-out list of blocked Gos, and those that may be
// used again.
type waiters struct {
	first, last *waiter
	n           int
	free        *waiter
}

func (l *waiters) push(f func() error, unlock sync.Locker) *waiter {
	w := l.free
	if w == nil {
		w = &waiter{wake: sync.Cond{L: unlock}}
	} else {
		l.free = w.next
	}
	w.next, w.f = nil, f
	if l.n == 0 {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	l.n++
	return w
}

func (l *waiters) pop() *waiter {
	w := l.first
	l.first = w.next
	if l.n--; l.n == 0 {
		l.last = nil
	}
	return w
}

// recycleLocked keeps w for the next Go that blocks. w must have been woken. At
// rest the group keeps one: a group whose tasks are short is at rest each time
// that they outrun their producer.
func (g *Group) recycleLocked(w *waiter) {
	if w != nil && (g.mu.active > 0 || g.mu.blocked.free == nil) {
		w.next, g.mu.blocked.free = g.mu.blocked.free, w
	}
}
