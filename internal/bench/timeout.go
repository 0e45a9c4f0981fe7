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
	both := func(shape string, f func(wg waitGroup, n int)) row {
		return row{
			shape:  shape,
			peer:   "sync",
			theirs: func(n int) { f(new(sync.WaitGroup), n) },
			ours:   func(n int) { f(new(timeout.WaitGroup), n) },
		}
	}
	return []row{
		both("Add and Done", func(wg waitGroup, n int) {
			for range n {
				wg.Add(1)
				wg.Done()
			}
		}),
		both("Wait of no task", func(wg waitGroup, n int) {
			for range n {
				wg.Wait()
			}
		}),
		both("ten Go and a Wait", func(wg waitGroup, n int) {
			for range n {
				for range 10 {
					wg.Go(func() {})
				}
				wg.Wait()
			}
		}),
		{
			shape: "one Go and a wait with a timeout",
			peer:  "goroutine",
			theirs: func(n int) {
				for range n {
					var wg sync.WaitGroup
					wg.Go(func() {})
					done := make(chan struct{})
					go func() { // ends with the task
						wg.Wait()
						close(done)
					}()
					timer := time.NewTimer(time.Minute)
					select {
					case <-done:
					case <-timer.C:
					}
					timer.Stop()
				}
			},
			ours: func(n int) {
				for range n {
					var wg timeout.WaitGroup
					wg.Go(func() {})
					wg.WaitTimeout(time.Minute)
				}
			},
		},
	}
}
