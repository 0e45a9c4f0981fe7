package main

// This file compares limiter/semaphore with x/sync's semaphore.

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	xsemaphore "golang.org/x/sync/semaphore"

	"github.com/belay-go/belay/limiter/semaphore"
)

// weighted is what both semaphores have.
type weighted interface {
	Acquire(context.Context, int64) error
	Release(int64)
}

func semaphoreRows() []row {
	var rows []row
	for _, c := range []struct{ goroutines, permits int }{{1, 1}, {2, 2}, {8, 8}, {64, 64}, {8, 2}, {64, 16}} {
		rows = append(rows, row{
			shape: fmt.Sprintf("Acquire and Release, %d goroutines, %d permits", c.goroutines, c.permits),
			peer:  "x/sync",
			theirs: func(n int) {
				takeTurns(xsemaphore.NewWeighted(int64(c.permits)), c.goroutines, c.permits, n)
			},
			ours: func(n int) {
				takeTurns(semaphore.NewWeighted(int64(c.permits)), c.goroutines, c.permits, n)
			},
		})
	}
	return rows
}

// takeTurns acquires and releases n times, spread over the goroutines. Where
// permits are short, a holder yields, so that others really wait.
func takeTurns(s weighted, goroutines, permits, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	spread(goroutines, n, func() {
		if s.Acquire(ctx, 1) != nil {
			return
		}
		if permits < goroutines {
			runtime.Gosched()
		}
		s.Release(1)
	})
}

// spread calls f at least n times, as often on each goroutine.
func spread(goroutines, n int, f func()) {
	each := (n + goroutines - 1) / goroutines
	if goroutines == 1 {
		for range each {
			f()
		}
		return
	}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				f()
			}
		})
	}
	wg.Wait()
}
