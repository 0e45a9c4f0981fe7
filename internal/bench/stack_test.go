package main

// This file tests that a task takes the stack that its row is named after.

import (
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATaskTakesTheStackThatItIsNamedAfter(t *testing.T) {
	for _, kib := range []int{8, 32} {
		// Other tests have left free pieces in memory that is in use for stacks.
		// They are taken first, so whoever came before stays until they are.
		var each float64
		release := make(chan struct{})
		var all sync.WaitGroup
		for range 20 {
			each = stackOfEach(500, stackHungry(kib), &all, release)
			if math.Abs(each-float64(kib<<10)) < 0.1*float64(kib<<10) {
				break
			}
		}
		close(release)
		all.Wait()
		require.InEpsilon(t, kib<<10, each, 0.1)
	}
}

// stackOfEach returns the bytes that each of so many goroutines takes for its
// stack while it is at the bottom of task, where all stay until release is
// closed. They go there one by one, so that the next takes the smaller stacks
// that one has grown out of: those of many at once would stay, in pieces.
func stackOfEach(goroutines int, task func() error, all *sync.WaitGroup, release <-chan struct{}) float64 {
	down := make(chan struct{})
	f := func() { down <- struct{}{}; <-release }
	bottom.Store(&f)
	defer bottom.Store(nil)
	before := stacks()
	for range goroutines {
		all.Go(func() { _ = task() })
		<-down
	}
	return (float64(stacks()) - float64(before)) / float64(goroutines)
}

// stacks returns the bytes in stacks, without those that are kept for later.
func stacks() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.StackInuse
}
