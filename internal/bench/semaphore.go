package main

// This file compares limiter/semaphore with x/sync's semaphore and with a
// buffered channel, which is what one writes oneself.

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	xsemaphore "golang.org/x/sync/semaphore"

	"github.com/belay-go/belay/limiter/semaphore"
)

// turns makes something of a size to take from, and returns what does n operations
// under a context: takes a unit, does work unless that is nil, gives it back. Its
// loop is its own, so that little else is measured.
type turns func(size int) func(ctx context.Context, n int, work func())

func theirTurns(size int) func(context.Context, int, func()) {
	s := xsemaphore.NewWeighted(int64(size))
	return func(ctx context.Context, n int, work func()) {
		for range n {
			if s.Acquire(ctx, 1) != nil {
				return
			}
			if work != nil {
				work()
			}
			s.Release(1)
		}
	}
}

func ourTurns(size int) func(context.Context, int, func()) {
	s := semaphore.NewWeighted(int64(size))
	return func(ctx context.Context, n int, work func()) {
		for range n {
			if s.Acquire(ctx, 1) != nil {
				return
			}
			if work != nil {
				work()
			}
			s.Release(1)
		}
	}
}

func permitTurns(size int) func(context.Context, int, func()) {
	s := semaphore.NewWeighted(int64(size))
	return func(ctx context.Context, n int, work func()) {
		for range n {
			p, err := s.Take(ctx, 1)
			if err != nil {
				return
			}
			if work != nil {
				work()
			}
			p.Release()
		}
	}
}

func channelTurns(size int) func(context.Context, int, func()) {
	c := make(chan struct{}, size)
	return func(ctx context.Context, n int, work func()) {
		for range n {
			select {
			case c <- struct{}{}:
			case <-ctx.Done():
				return
			}
			if work != nil {
				work()
			}
			<-c
		}
	}
}

func semaphoreRows() []row {
	var rows []row
	add := func(what, peer string, target float64, goroutines, size int, theirs, ours turns) {
		var work func()
		if size < goroutines {
			work = runtime.Gosched // so that others really wait
		}
		rows = append(rows, row{
			shape:  fmt.Sprintf("%s, %d goroutines, %d units", what, goroutines, size),
			peer:   peer,
			target: target,
			theirs: func(n int) { takeTurns(theirs(size), goroutines, n, work) },
			ours:   func(n int) { takeTurns(ours(size), goroutines, n, work) },
		})
	}
	for _, n := range []int{1, 2, 8, 64} {
		add("Acquire and Release", "x/sync", 2, n, n, theirTurns, ourTurns)
	}
	for _, n := range []int{1, 8, 64} {
		add("Take and Permit.Release", "x/sync's Acquire", 1.3, n, n, theirTurns, permitTurns)
	}
	for _, c := range []struct{ goroutines, size int }{{8, 2}, {64, 16}} {
		add("Acquire and Release", "channel", 1/1.1, c.goroutines, c.size, channelTurns, ourTurns)
		add("Acquire and Release", "x/sync", 1, c.goroutines, c.size, theirTurns, ourTurns)
		add("Take and Permit.Release", "channel", 0, c.goroutines, c.size, channelTurns, permitTurns)
	}
	return rows
}

// takeTurns does at least n operations, as many on each goroutine, below one
// context that can be cancelled.
func takeTurns(turns func(context.Context, int, func()), goroutines, n int, work func()) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	each := (n + goroutines - 1) / goroutines
	if goroutines == 1 {
		turns(ctx, each, work)
		return
	}
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() { turns(ctx, each, work) })
	}
	all.Wait()
}
