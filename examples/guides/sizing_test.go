package guides_test

// This file has the code of docs/sizing.md.

import (
	"context"
	"fmt"
	"runtime"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/limiter/semaphore"
)

func Example_sizing_compute() {
	var g errgroup.Group
	paths := []string{"a", "b"}
	compress := func(string) error { return nil }

	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, path := range paths {
		g.Go(func() error { return compress(path) })
	}
	fmt.Println(g.Wait())
	// Output: <nil>
}

func Example_sizing_memory() {
	fmt.Println(load(context.Background(), 1<<20), load(context.Background(), 1<<30))
	// Output: <nil> limiter: request larger than the limit
}

func load(ctx context.Context, size int64) error {
	memory := semaphore.NewWeighted(512 << 20)
	if err := memory.Acquire(ctx, size); err != nil {
		return err // ctx ended first; or more than all of it: ErrTooLarge at once
	}
	defer memory.Release(size)
	return nil
}
