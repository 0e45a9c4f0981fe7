package main

// This file compares timeout.WaitGroup with sync.WaitGroup, and with the
// goroutine that people write around one to give up waiting.

import (
	"sync"
	"time"

	"github.com/belay-go/belay/timeout"
)

// waitGroup is what both types have.
type waitGroup interface {
	Add(int)
	Done()
	Go(func())
	Wait()
}

func timeoutRows() []row {
	both := func(shape string, target float64, f func(ours bool, n int)) row {
		return row{
			shape:  shape,
			peer:   "sync",
			target: target,
			theirs: func(n int) { f(false, n) },
			ours:   func(n int) { f(true, n) },
		}
	}
	return []row{
		both("Add and Done", 1, func(ours bool, n int) { addAndDone(newWaitGroup(ours), n) }),
		both("Add and Done, 2 goroutines", 1, func(ours bool, n int) {
			wg := newWaitGroup(ours)
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() { addAndDone(wg, n/2+1) })
			}
			both.Wait()
		}),
		both("Wait of no task", 1, func(ours bool, n int) {
			wg := newWaitGroup(ours)
			for range n {
				wg.Wait()
			}
		}),
		// A Wait that blocks is half of what this one takes.
		both("one Go and a Wait", 1/1.15, func(ours bool, n int) { goAndWait(newWaitGroup(ours), 1, n) }),
		both("ten Go and a Wait", 1, func(ours bool, n int) { goAndWait(newWaitGroup(ours), 10, n) }),
		both("a Wait that blocks", 1/1.15, func(ours bool, n int) {
			a, b := newWaitGroup(ours), newWaitGroup(ours)
			pingPong(a, b, a.Wait, b.Wait, n)
		}),
		{
			shape:  "a wait with a timeout that blocks",
			peer:   "goroutine",
			target: 1 / .6,
			theirs: func(n int) {
				var a, b sync.WaitGroup
				pingPong(&a, &b, func() { helped(&a, time.Minute) }, func() { helped(&b, time.Minute) }, n)
			},
			ours: func(n int) {
				var a, b timeout.WaitGroup
				pingPong(&a, &b, func() { a.WaitTimeout(time.Minute) }, func() { b.WaitTimeout(time.Minute) }, n)
			},
		},
	}
}

func newWaitGroup(ours bool) waitGroup {
	if ours {
		return new(timeout.WaitGroup)
	}
	return new(sync.WaitGroup)
}

func addAndDone(wg waitGroup, n int) {
	for range n {
		wg.Add(1)
		wg.Done()
	}
}

func goAndWait(wg waitGroup, tasks, n int) {
	for range n {
		for range tasks {
			wg.Go(func() {})
		}
		wg.Wait()
	}
}

// pingPong has two goroutines wake each other up in turn, so that nearly every
// wait blocks.
func pingPong(a, b waitGroup, waitA, waitB func(), n int) {
	a.Add(1)
	go func() { // ends with its n waits
		for range n {
			waitA()
			a.Add(1)
			b.Done()
		}
	}()
	for range n {
		b.Add(1)
		a.Done()
		waitB()
	}
}

// helped is the wait with a timeout that people write.
func helped(wg *sync.WaitGroup, d time.Duration) (timedOut bool) {
	zero := make(chan struct{})
	go func() { // ends with the tasks
		wg.Wait()
		close(zero)
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-zero:
		return false
	case <-timer.C:
		return true
	}
}
