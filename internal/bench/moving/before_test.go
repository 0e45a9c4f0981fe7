package moving_test

// This file has the code of docs/moving.md before the move.

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/alitto/pond/v2"
	"github.com/sourcegraph/conc/pool"
)

func Example_waitGroupBefore() {
	var tasks sync.WaitGroup
	tasks.Go(func() {})
	done := make(chan struct{})
	go func() { tasks.Wait(); close(done) }()
	select {
	case <-done:
		fmt.Println("all done")
	case <-time.After(time.Minute):
		fmt.Println("given up") // and the goroutine stays
	}
	// Output:
	// all done
}

func Example_concBefore() {
	ctx := context.Background()
	paths := []string{"a", "bb"}
	size := func(_ context.Context, path string) (int, error) { return len(path), nil }

	p := pool.NewWithResults[int]().WithContext(ctx).WithCancelOnError().WithFirstError().WithMaxGoroutines(8)
	for _, path := range paths {
		p.Go(func(ctx context.Context) (int, error) { return size(ctx, path) })
	}
	sizes, err := p.Wait()
	fmt.Println(len(sizes), err)
	// Output:
	// 2 <nil>
}

func Example_pondBefore() {
	ctx := context.Background()
	paths := []string{"a", "bb"}
	check := func(string) error { return nil }

	workers := pond.NewPool(8) // for the whole process
	defer workers.StopAndWait()

	group := workers.NewGroupContext(ctx)
	for _, path := range paths {
		group.SubmitErr(func() error { return check(path) })
	}
	err := group.Wait()
	fmt.Println(err)
	// Output:
	// <nil>
}

func Example_signalsBefore() {
	addr, handler := "127.0.0.1:0", http.NotFoundHandler()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	srv := &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		limited, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Shutdown(limited); err != nil {
			log.Print(err)
		}
	}()
	if err := srv.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-stopped
}
