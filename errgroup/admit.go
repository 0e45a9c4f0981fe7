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

import (
	"context"
	"sync"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
)

// line is what a group needs once a second task comes under a limit. It is made
// then: most groups are small, and many are of one task.
type line struct {
	queue  queue  // accepted tasks that no worker has taken
	spare  int    // workers that are inside no task; >= min(queue.len(), spares)
	worker func() // g.work, bound once, so that starting one allocates nothing

	blocked waiters // Gos at the limit, oldest first
	pace    pace

	ring   [8]func() error // the queue's first
	waiter waiter          // the first to be used
}

func (g *Group) lineLocked() *line {
	if g.mu.line == nil {
		l := &line{worker: g.work}
		l.queue.ring = l.ring[:]
		l.waiter.wake.L = (*unlocker)(&g.mu.Mutex)
		l.blocked.free = &l.waiter
		g.mu.line = l
	}
	return g.mu.line
}

// spins is how often lock asks before it parks. The lock is held for some
// twenty nanoseconds; parking on it costs ten times that and, worse, wakes a
// goroutine on a processor that had something better to run.
const spins = 100

func (g *Group) lock() {
	if !g.mu.TryLock() {
		lockHeld(&g.mu.Mutex)
	}
}

func lockHeld(mu *sync.Mutex) {
	for range spins {
		if mu.TryLock() {
			return
		}
	}
	mu.Lock()
}

func (g *Group) direct() bool { return g.fresh || freshGoroutines }

func (g *Group) fullLocked() bool {
	return g.mu.limited && g.mu.active >= g.mu.limit
}

// accept gives f a slot, unlocks, and sees to it that a worker which is inside
// no task gets to f. Without that a task could be queued behind a running one.
// It fails only in a group with a shared limit.
func (g *Group) accept(ctx context.Context, f func() error) error {
	g.mu.active++
	switch {
	case g.shared() != nil:
		g.mu.Unlock()
		return g.opts.startShared(ctx, f)
	case g.direct() || !g.mu.limited:
		g.mu.stats.Total++
		g.mu.Unlock()
		go g.workOn(f) // ends with f
	case g.mu.line == nil && g.mu.stats.Total == 0: // the first, and in many groups the only one
		g.mu.stats.Total++
		g.mu.Unlock()
		go g.workOn(f) // ends with f, or with the queue
	default:
		g.mu.stats.Total++
		g.lineLocked().queue.push(f)
		worker := g.staffLocked()
		g.mu.Unlock()
		if worker != nil {
			go worker() // ends when it finds the queue empty
		}
	}
	return nil
}

// spares is how many workers without a task there have to be while as many
// tasks are queued. Whichever of them gets to run takes a task and starts the
// next spare one, so all queued tasks get going without a goroutine for each of
// those that are over before it would run. One would do; but what was started
// last comes next on the processor that started it, and others fetch it from
// there only slowly, so there are some that every processor can fetch at once.
// With two of them tasks of 3 µs at limit 8 lost a tenth of their throughput.
const spares = 8

// staffLocked returns what the caller has to start if there are too few spare
// workers, else nil.
func (g *Group) staffLocked() (worker func()) {
	if l := g.mu.line; l != nil && l.spare < min(l.queue.len(), spares) {
		return g.hireLocked()
	}
	return nil
}

// hireLocked returns a worker, for the caller to start.
func (g *Group) hireLocked() (worker func()) {
	l := g.mu.line
	l.spare++
	return l.worker
}

// admitLocked gives a free slot to the Go that has waited longest, if there are
// both. The caller must wake the waiter that is returned, after unlocking:
// waking takes longer than all that the lock is held for otherwise.
func (g *Group) admitLocked() *waiter {
	l := g.mu.line
	if l == nil || l.blocked.n == 0 || g.fullLocked() {
		return nil
	}
	w := l.blocked.first
	l.blocked.remove(w)
	g.mu.active++
	g.mu.stats.Waited++
	g.woken.Add(1)
	if !g.direct() {
		g.mu.stats.Total++
		l.queue.push(w.f)
	}
	w.f = nil
	return w
}

// limitTo sets the limit, admits the Gos for which there is room now, and
// unlocks.
func (g *Group) limitTo(n int) {
	g.mu.limited, g.mu.limit = n >= 0, max(n, 0)
	var woken *waiter // in no order: each is woken alone
	for {
		w := g.admitLocked()
		if w == nil {
			break
		}
		w.next, woken = woken, w
	}
	var hired [spares]func()
	for i := range hired {
		hired[i] = g.staffLocked()
	}
	g.mu.Unlock()
	for _, worker := range hired {
		if worker != nil {
			go worker() // ends when it finds the queue empty
		}
	}
	for woken != nil {
		w := woken
		woken = w.next // before it is woken, though nobody recycles it
		w.signal()
	}
}

// block waits until f is admitted. It is called with the lock and returns
// without.
func (g *Group) block(f func() error) {
	began := g.waitBegins()
	w := g.lineLocked().blocked.push(f, (*unlocker)(&g.mu.Mutex))
	w.wake.Wait() // unlocks
	// From here on w may already be another Go's.
	_ = g.unblocked(g.ctx, f, began) // what is not started is skipped, and Wait says so
}

// blockContext is block for a call that gives up when ctx is done.
func (g *Group) blockContext(ctx context.Context, f func() error) error {
	began := g.waitBegins()
	l := g.lineLocked()
	w := l.blocked.pushContext(f)
	g.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
		g.lock()
		if w.f != nil { // not admitted
			l.blocked.remove(w)
			g.mu.stats.Cancelled++
			g.mu.Unlock()
			return ctxerr.Of(ctx)
		}
		g.mu.Unlock()
	}
	return g.unblocked(ctx, f, began)
}

// unblocked is where a call goes on that was blocked: its task is on its way,
// or, in a direct group, has a slot to be started with.
func (g *Group) unblocked(ctx context.Context, f func() error, began time.Duration) error {
	g.woken.Add(-1)
	if g.opts != nil {
		g.opts.waitEnds(began)
	}
	switch {
	case !g.direct():
		return nil
	case g.shared() != nil:
		return g.opts.startShared(ctx, f)
	}
	g.start(f)
	return nil
}

func (g *Group) waitBegins() time.Duration {
	if g.opts == nil {
		return 0
	}
	return g.opts.waitBegins()
}

// start starts f, which has all that it needs, on a goroutine of its own.
func (g *Group) start(f func() error) {
	g.lock()
	g.mu.stats.Total++
	g.mu.Unlock()
	go g.workOn(f) // ends with f
}

// unlocker is the group's lock as a blocked Go sees it: it unlocks to wait, and
// has nothing to lock for when it is woken, since its task is on its way by
// then. What the worker did before is visible to it by woken.
type unlocker sync.Mutex

func (*unlocker) Lock()     {}
func (m *unlocker) Unlock() { (*sync.Mutex)(m).Unlock() }

// waiter is one blocked Go. Each has a Cond of its own, so that it is woken
// alone, and in order. A Cond keeps nothing of the goroutines that have waited
// on it, so a waiter may be used in one synctest bubble after the other, as a
// channel may not: a call that may give up, and so needs one, has it made for
// this one wait.
type waiter struct {
	next, prev *waiter
	f          func() error  // nil once admitted
	wake       sync.Cond     // signalled once, when f is admitted
	ready      chan struct{} // closed instead, if not nil
}

// signal wakes the Go whose task was admitted.
func (w *waiter) signal() {
	if w.ready != nil {
		close(w.ready)
		return
	}
	w.wake.Signal()
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
	w.f = f
	l.append(w)
	return w
}

func (l *waiters) pushContext(f func() error) *waiter {
	w := &waiter{f: f, ready: make(chan struct{})}
	l.append(w)
	return w
}

func (l *waiters) append(w *waiter) {
	w.next, w.prev = nil, l.last
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	l.n++
}

func (l *waiters) remove(w *waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.next, w.prev = nil, nil
	l.n--
}

// recycleLocked keeps w for the next Go that blocks. w must have been woken. At
// rest the group keeps one: a group whose tasks are short is at rest each time
// that they outrun their producer.
func (g *Group) recycleLocked(w *waiter) {
	if w != nil && w.ready == nil && (g.mu.active > 0 || g.mu.line.blocked.free == nil) {
		w.next, g.mu.line.blocked.free = g.mu.line.blocked.free, w
	}
}
