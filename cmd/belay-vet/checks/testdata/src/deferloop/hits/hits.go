// Package hits defers for the round, and the function ends much later.
package hits

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

func try(context.Context) error { return nil }

func get(context.Context) (*int, error) { return nil, nil }

func contexts(ctx context.Context, names []string) error {
	for range names {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel() // want "the deferred cancel runs at the function's end, not at the round's"
		if err := try(ctx); err != nil {
			return err
		}
	}
	return nil
}

func closure(ctx context.Context, in <-chan int) {
	for {
		select {
		case <-in:
			callCtx, cancel := context.WithDeadline(ctx, time.Now())
			defer func() { cancel() }() // want "the deferred cancel"
			n, err := get(callCtx)
			println(n, err)
		case <-ctx.Done():
			return
		}
	}
}

// Nothing but an error comes of it.
func cancelled(ctx context.Context, n int) {
	for i := 0; i < n; i++ {
		each, cancel := context.WithCancel(ctx)
		defer cancel() // want "the deferred cancel"
		if try(each) == nil {
			continue
		}
	}
}

func timers(in <-chan int) {
	for range in {
		timer := time.NewTimer(time.Second)
		defer timer.Stop() // want "the deferred Stop"
		select {
		case <-timer.C:
		case <-in:
		}
	}
}

type counter struct {
	sync.Mutex
	rw sync.RWMutex
	n  int
}

func (c *counter) locks(words []string) {
	for range words {
		c.Lock()
		defer c.Unlock() // want "the second round waits for ever in Lock"
		c.n++
	}
	for range 2 {
		c.rw.RLock()
		defer c.rw.RUnlock() // want "once a writer waits in between"
	}
again:
	for range 2 {
		for range 2 {
			c.rw.Lock()
			defer c.rw.Unlock() // want "the second round waits for ever in Lock"
			continue again
		}
	}
}

var global sync.Mutex

func globalLock() {
	for range 2 {
		global.Lock()
		defer global.Unlock() // want "the second round waits for ever in Lock"
	}
}

func permits(ctx context.Context, sem *semaphore.Weighted, names []string) error {
	for range names {
		if err := sem.Acquire(ctx, 1); err != nil {
			return err
		}
		defer sem.Release(1) // want "each round keeps its permits until Acquire waits for ever"
	}
	return nil
}

// Another defer is none of this one's business.
func others(ctx context.Context, names []string) {
	for _, name := range names {
		each, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel() // want "the deferred cancel"
		defer println(name)
		_ = try(each)
	}
}
