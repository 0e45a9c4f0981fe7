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
		// Stacks that other tests have left behind are taken first, and free
		// ones are given back in more than one collection.
		var each float64
		for range 10 {
			each = stackOfEach(500, stackHungry(kib))
			if math.Abs(each-float64(kib<<10)) < 0.1*float64(kib<<10) {
				break
			}
		}
		require.InEpsilon(t, kib<<10, each, 0.1)
	}
}

// stackOfEach returns the bytes that each of so many goroutines takes for its
// stack while it is at the bottom of task. They go there one by one, so that
// the next takes the smaller stacks that one has grown out of: those of many at
// once would stay, in pieces too small to be given back.
func stackOfEach(goroutines int, task func() error) float64 {
	var up sync.WaitGroup
	down, release := make(chan struct{}), make(chan struct{})
	f := func() { down <- struct{}{}; <-release }
	bottom.Store(&f)
	defer bottom.Store(nil)
	before := stacks()
	for range goroutines {
		up.Go(func() { _ = task() })
		<-down
	}
	each := (float64(stacks()) - float64(before)) / float64(goroutines)
	close(release)
	up.Wait()
	return each
}

// stacks returns the bytes in stacks, without those that are kept for later.
func stacks() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.StackInuse
}
