package main

// This file tests that a task takes the stack that its row is named after.

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATaskTakesTheStackThatItIsNamedAfter(t *testing.T) {
	const goroutines = 500
	for _, kib := range []int{8, 32} {
		var down, up sync.WaitGroup
		down.Add(goroutines)
		release := make(chan struct{})
		f := func() { down.Done(); <-release }
		bottom.Store(&f)
		before := stacks()
		for range goroutines {
			up.Go(func() { _ = stackHungry(kib)() })
		}
		down.Wait()
		each := float64(stacks()-before) / goroutines
		close(release)
		up.Wait()
		bottom.Store(nil)
		require.InEpsilon(t, kib<<10, each, 0.1)
	}
}

// stacks returns the bytes in stacks, without those that are kept for later.
func stacks() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.StackInuse
}
