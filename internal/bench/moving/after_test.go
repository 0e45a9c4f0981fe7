package moving_test

// This file has the code of docs/moving.md after the move.

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/semaphore"
	"github.com/belay-go/belay/timeout"
)

func Example_waitGroupAfter() {
	var tasks timeout.WaitGroup
	tasks.Go(func() {})
	if tasks.WaitTimeout(time.Minute) {
		fmt.Println("given up") // and nothing stays
	} else {
		fmt.Println("all done")
	}
	// Output:
	// all done
}

func Example_concAfter() {
	ctx := context.Background()
	paths := []string{"a", "bb"}
	size := func(_ context.Context, path string) (int, error) { return len(path), nil }

	sizes, err := errgroup.Map(ctx, errgroup.Options{Limit: 8}, paths, size)
	fmt.Println(len(sizes), err)
	// Output:
	// 2 <nil>
}

func Example_pondAfter() {
	ctx := context.Background()
	paths := []string{"a", "bb"}
	check := func(string) error { return nil }

	workers := semaphore.NewWeighted(8) // for the whole process, and nothing to stop

	g, _ := errgroup.New(ctx, errgroup.Options{Shared: workers})
	for _, path := range paths {
		g.Go(func() error { return check(path) })
	}
	err := g.Wait()
	fmt.Println(err)
	// Output:
	// <nil>
}

func Example_signalsAfter() {
	addr, handler := "127.0.0.1:0", http.NotFoundHandler()

	m := graceful.New(graceful.Options{Budget: 10 * time.Second})
	m.Add(1, graceful.HTTP("http", addr, &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}))
	os.Exit(m.Main(context.Background()))
}
