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
)

// work runs f, or without one the queue's next task, and then whatever task it
// finds in the queue, until there is none.
func (g *Group) work(f func() error) {
	end := byGoexit
	defer func() {
		if end == byGoexit {
			g.goexited()
		}
	}()
	if f == nil {
		f = g.first()
	}
	g.drain(f, &end)
	if end == byGoexit { // drain came back: its recover stopped a panic that had no value
		end = byPanic
		panic(new(runtime.PanicNilError))
	}
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
		if *end == byGoexit {
			if v := recover(); v != nil {
				*end = byPanic
				panic(v)
			}
		}
	}()
	for f != nil {
		if err := f(); err != nil {
			g.fail(err)
		}
		f = g.next()
	}
	*end = byReturn
}

// goexited ends a task that left by Goexit, and its worker with it. If there is
// a task to go on with, another worker does.
func (g *Group) goexited() {
	if g.strict {
		g.fail(belay.ErrGoexit)
	}
	if f := g.next(); f != nil {
		go g.work(f) // ends with the queue
	}
}

// first takes a new worker's first task. It is nil when the workers that were
// there already have been faster.
func (g *Group) first() func() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.spare--
	return g.mu.queue.pop()
}

// next finishes a task: its slot goes to the Go that has waited longest, and
// the worker goes on with the queue's next task, all in one critical section,
// so that the group never looks at rest while a Go is blocked.
func (g *Group) next() func() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.active--
	g.mu.spare++ // it is inside no task now, so whoever is admitted needs no other worker
	g.admitLocked()
	if g.mu.active == 0 {
		g.restLocked()
	}
	g.mu.spare--
	return g.mu.queue.pop()
}

// restLocked ends a round: it lets the Waits go, and what the round has grown.
func (g *Group) restLocked() {
	g.mu.rounds++
	if g.mu.rest.L != nil {
		g.mu.rest.Broadcast()
	}
	g.mu.blocked.free = nil
	g.mu.queue.release()
}
