// Package dropped has the designs of errgroup that were tried and not taken, so
// that what was said against them can be measured again. They share one core,
// the task's way from Go to a worker, and differ in a rule. They are no errgroups:
// errors, panics and Goexit are not provided for, nor is a change of the limit.
package dropped

// This file is what the designs have in common, so that a comparison of two is
// one of their rules.

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Group runs tasks as its design says. It needs a limit above zero before the
// first Go.
type Group struct {
	design Design
	limit  int
	worker func() // g.work, bound once

	mu      sync.Mutex
	active  int // tasks that hold a slot
	spare   int // workers that are inside no task; >= the queue's length
	queue   []func() error
	head    uint // of the oldest task in the queue, a ring; wraps around
	tail    uint // of the next to come
	blocked struct {
		first, last, free *waiter
		n                 int
	}
	rest    sync.Cond     // signalled when active falls to zero
	dry     time.Time     // since when the group is short of tasks, by a design with a clock
	starved time.Duration // for how long it was, less what has been paid back

	woken atomic.Int32 // Gos that have been admitted and have not come back to life
}

// waiter is a Go that is blocked at the limit.
type waiter struct {
	next *waiter
	task func() error
	wake sync.Cond // its Unlock unlocks the group, its Lock does nothing
}

// New returns a group of the given design.
func New(d Design) *Group {
	g := &Group{design: d}
	g.worker = g.work
	g.rest.L = &g.mu
	return g
}

// SetLimit is to be called once.
func (g *Group) SetLimit(n int) { g.limit = n }

// Go runs the task, once there is room.
func (g *Group) Go(task func() error) {
	g.lock()
	if g.active >= g.limit {
		g.block(task)
		return
	}
	g.active++
	g.push(task)
	if g.spare >= g.queued() {
		g.mu.Unlock()
		return
	}
	g.spare++
	g.mu.Unlock()
	go g.worker() // ends by the rule, or when it finds the queue empty
}

// Wait returns when every task has.
func (g *Group) Wait() error {
	g.mu.Lock()
	for g.active > 0 {
		g.rest.Wait()
	}
	g.mu.Unlock()
	return nil
}

// block waits until a worker has admitted the task. It unlocks.
func (g *Group) block(task func() error) {
	w := g.blocked.free
	if w == nil {
		w = &waiter{wake: sync.Cond{L: (*unlocker)(g)}}
	} else {
		g.blocked.free = w.next
	}
	w.next, w.task = nil, task
	if g.blocked.n++; g.blocked.first == nil {
		g.blocked.first = w
	} else {
		g.blocked.last.next = w
	}
	g.blocked.last = w
	w.wake.Wait()
	if g.woken.Add(-1) == 0 && g.design.clock {
		g.lock()
		if !g.dry.IsZero() {
			g.starved += time.Since(g.dry)
			g.dry = time.Time{}
		}
		g.mu.Unlock()
	}
}

// work takes tasks from the queue until there is none or the rule ends it.
func (g *Group) work() {
	g.lock()
	g.spare--
	task := g.pop()
	g.mu.Unlock()
	for woke := (*waiter)(nil); task != nil; {
		_ = task()
		task, woke = g.next(woke)
	}
}

// next finishes a task. It returns the worker's next one, and the waiter that it
// has woken, which the worker's next call may keep for another Go.
func (g *Group) next(woke *waiter) (task func() error, waking *waiter) {
	g.lock()
	g.keepLocked(woke)
	g.active--
	w := g.admitLocked()
	if g.active == 0 {
		g.rest.Broadcast()
	}
	woken := w != nil
	if woken && g.design.underLock {
		w.wake.Signal()
		g.keepLocked(w)
		w = nil
	}
	switch reserve := g.queued() - 1 + g.blocked.n; g.design.rule(g, woken, reserve) {
	case handOver:
		g.spare++
		g.mu.Unlock()
		go g.worker()   // ends as this one does
		w.wake.Signal() // no design hands over and wakes under the lock
		g.lock()
		g.keepLocked(w)
		g.mu.Unlock()
		return nil, nil
	case yield:
		g.spare++
		g.mu.Unlock()
		if w != nil {
			w.wake.Signal()
		}
		runtime.Gosched()
		g.lock()
		g.spare--
		g.keepLocked(w)
		w = nil
	}
	task = g.pop()
	if task == nil && g.design.clock && g.active > 0 && g.woken.Load() > 0 && g.dry.IsZero() {
		g.dry = time.Now()
	}
	g.mu.Unlock()
	if w != nil {
		w.wake.Signal()
	}
	return task, w
}

// admitLocked gives the free slot to the Go that has waited longest.
func (g *Group) admitLocked() *waiter {
	w := g.blocked.first
	if w == nil {
		return nil
	}
	g.blocked.first = w.next
	g.blocked.n--
	g.active++
	g.woken.Add(1)
	g.push(w.task)
	w.task = nil
	return w
}

// keepLocked keeps w, which must have been woken, for the next Go that blocks.
func (g *Group) keepLocked(w *waiter) {
	if w != nil {
		w.next, g.blocked.free = g.blocked.free, w
	}
}

func (g *Group) queued() int { return int(g.tail - g.head) }

func (g *Group) push(task func() error) {
	if n := g.queued(); n == len(g.queue) {
		longer := make([]func() error, max(8, 2*n))
		for i := range uint(n) {
			longer[i] = g.queue[(g.head+i)&uint(n-1)]
		}
		g.queue, g.head, g.tail = longer, 0, uint(n)
	}
	g.queue[g.tail&uint(len(g.queue)-1)] = task
	g.tail++
}

func (g *Group) pop() func() error {
	if g.head == g.tail {
		return nil
	}
	place := &g.queue[g.head&uint(len(g.queue)-1)]
	g.head++
	task := *place
	*place = nil
	return task
}

// lock spins a while before it parks, as errgroup does.
func (g *Group) lock() {
	for range 100 {
		if g.mu.TryLock() {
			return
		}
	}
	g.mu.Lock()
}

type unlocker Group

func (*unlocker) Lock()     {}
func (g *unlocker) Unlock() { g.mu.Unlock() }
