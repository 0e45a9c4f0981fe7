package errgroup

// This file is the worker: the goroutine that runs tasks, and what becomes of
// the group when a task does not return.

import (
	"runtime"

	"github.com/belay-go/belay"
)

// ending is how a worker's loop over its tasks ended.
type ending int

const (
	byGoexit ending = iota // until shown otherwise: a Goexit leaves without a word
	byReturn               // set when no task was left
	byPanic                // set before the panic goes on its way to the crash
	asError                // set when a panic has become the task's error
)

// work takes tasks from the queue until there is none.
func (g *Group) work() {
	if f := g.first(); f != nil { // else the workers that were there have been faster
		g.workOn(f)
	}
}

// workOn runs f, and then whatever task it finds in the queue, until there is
// none.
func (g *Group) workOn(f func() error) {
	end := byGoexit
	defer func() {
		if end == byGoexit {
			g.goexited()
		}
	}()
	if g.opts != nil {
		g.opts.begin()
	}
	for f != nil {
		g.drain(f, &end)
		switch end {
		case byGoexit: // drain came back: its recover stopped a panic that had no value
			end = byPanic
			panic(new(runtime.PanicNilError))
		case asError:
			end = byGoexit
			f, _ = g.next(nil)
		default:
			f = nil
		}
	}
	end = byReturn
}

// drain runs tasks until there is none.
//
// A panic must crash the process before anyone can see the task as finished:
// were its slot given back first, Wait could return and main exit with code 0
// while the panic is still being printed (golang/go#76126). So nothing is given
// back here, and the panic goes on. It has to be caught for that, since only
// recover tells a panic from a Goexit; the crash shows the stack of the first
// panic all the same, because that is not yet unwound.
func (g *Group) drain(f func() error, end *ending) {
	defer func() {
		if *end != byGoexit {
			return
		}
		v := recover()
		defer g.hookPanicked(end)
		switch {
		case v == nil: // a Goexit
		case g.opts != nil && g.opts.caught(v):
			*end = asError // not sooner: a Goexit in the hook must not be lost
		default:
			*end = byPanic
			panic(v)
		}
	}()
	for woke := (*waiter)(nil); f != nil; {
		if err := g.run(f); err != nil {
			g.fail(err)
		}
		f, woke = g.next(woke)
	}
	*end = byReturn
}

// hookPanicked, deferred, sees to it that a panic of the hook for panics crashes
// as that of a task does by default: nothing is given back before.
func (g *Group) hookPanicked(end *ending) {
	if *end == byGoexit {
		if v := recover(); v != nil {
			*end = byPanic
			panic(v)
		}
	}
}

// run runs one task, unless it comes too late.
func (g *Group) run(f func() error) error {
	if g.opts != nil && g.opts.tooLate() {
		return nil
	}
	return f()
}

// goexited ends a task that left by Goexit, and its worker with it. If there is
// a task to go on with, another worker does.
func (g *Group) goexited() {
	if g.opts != nil {
		g.fail(belay.ErrGoexit)
	}
	if f, _ := g.next(nil); f != nil {
		go g.workOn(f) // ends with the queue
	}
}

// first takes a new worker's first task.
func (g *Group) first() func() error {
	g.lock()
	g.mu.line.spare--
	f := g.mu.line.queue.pop()
	worker := g.staffLocked()
	g.mu.Unlock()
	if worker != nil {
		go worker() // ends when it finds the queue empty
	}
	return f
}

// next finishes a task and returns the worker's next one, as settle does.
func (g *Group) next(woke *waiter) (f func() error, waking *waiter) {
	if shared := g.shared(); shared != nil {
		shared.Release(1)
	}
	return g.settle(woke)
}

// settle gives a slot back: it goes to the Go that has waited longest, in the
// same critical section, so that the group never looks at rest while a Go is
// blocked. It returns the worker's next task, or nil if the worker has to end,
// by the rule of pace.go; and the waiter whose Go it has woken, to be given to
// the worker's next call.
func (g *Group) settle(woke *waiter) (f func() error, waking *waiter) {
	g.lock()
	g.mu.active--
	w := g.admitLocked()
	rest := g.mu.active == 0
	if rest {
		g.restLocked()
	}
	l := g.mu.line
	if l == nil {
		g.mu.Unlock()
		if rest {
			g.mu.rest.Broadcast()
		}
		return nil, nil
	}
	g.recycleLocked(woke)
	pace := &l.pace
	reserve := l.queue.len() - 1 + l.blocked.n // without this worker's next task
	if w != nil {
		if g.direct() {
			g.mu.Unlock()
			w.signal()
			return nil, nil
		}
		if pace.careful > 0 && reserve < pace.thin {
			pace.careful--
			g.handOver(w)
			return nil, nil
		}
		pace.taken++
	}
	if 0 <= reserve && reserve < g.lowWaterLocked() && g.woken.Load() > 0 {
		g.yieldLocked(w)
		w = nil
	}
	f = l.queue.pop()
	for range dryYields {
		if f != nil || g.woken.Load() == 0 {
			break
		}
		if rest {
			g.mu.rest.Broadcast()
			rest = false
		}
		g.yieldLocked(nil)
		f = l.queue.pop()
	}
	if f == nil && g.mu.active > 0 && g.woken.Load() > 0 {
		pace.stall()
	}
	worker := g.staffLocked()
	g.mu.Unlock()
	if rest {
		g.mu.rest.Broadcast()
	}
	if worker != nil {
		go worker() // ends when it finds the queue empty
	}
	if w != nil {
		w.signal()
	}
	return f, w
}

// handOver starts a worker in place of the caller, which has to end, and wakes
// w's Go: it comes next on this processor. It unlocks.
func (g *Group) handOver(w *waiter) {
	worker := g.hireLocked()
	g.mu.Unlock()
	go worker() // ends when it finds the queue empty
	w.signal()
	g.lock()
	g.recycleLocked(w)
	g.mu.Unlock()
}

// yieldLocked wakes w's Go, if there is one, and lets all that is ready on this
// processor run before the caller goes on.
func (g *Group) yieldLocked(w *waiter) {
	g.mu.line.spare++ // it is inside no task now, so a task that is accepted needs no other worker
	g.mu.Unlock()
	if w != nil {
		w.signal()
	}
	runtime.Gosched()
	g.lock()
	g.mu.line.spare--
	g.recycleLocked(w)
}

// restLocked ends a round, and lets go what the round has grown. Whoever calls
// it must wake the Waits, soon and after unlocking.
func (g *Group) restLocked() {
	g.mu.rounds++
	for _, rest := range g.mu.resting {
		close(rest)
	}
	g.mu.resting = nil
	if l := g.mu.line; l != nil {
		if kept := l.blocked.free; kept != nil {
			kept.next = nil
		}
		l.queue.release()
	}
}
