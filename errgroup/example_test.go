package errgroup_test

// This file shows why one would want each name of the package.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

// Fetch ten pages, at most three at once; the first failure is the result.
func Example() {
	fetch := func(page int) error {
		if page == 7 {
			return fmt.Errorf("page %d: not found", page)
		}
		return nil
	}

	var g errgroup.Group
	g.SetLimit(3)
	for page := range 10 {
		g.Go(func() error { return fetch(page) })
	}
	fmt.Println(g.Wait())
	// Output: page 7: not found
}

func ExampleGroup() {
	var g errgroup.Group // the zero Group has no limit and cancels nothing
	results := make([]int, 4)
	for i := range results {
		g.Go(func() error {
			results[i] = i * i
			return nil
		})
	}
	if err := g.Wait(); err == nil {
		fmt.Println(results) // Wait makes what the tasks wrote visible
	}
	// Output: [0 1 4 9]
}

func ExampleWithContext() {
	g, ctx := errgroup.WithContext(context.Background())
	g.Go(func() error { return errors.New("disk full") })
	g.Go(func() error {
		<-ctx.Done() // ends because the sibling failed
		return ctx.Err()
	})
	fmt.Println(g.Wait())
	fmt.Println(context.Cause(ctx))
	// Output:
	// disk full
	// disk full
}

// A t.FailNow on the wrong goroutine ends it without a word; New makes it an
// error.
func ExampleNew() {
	g, _ := errgroup.New(context.Background(), errgroup.Options{Limit: 2})
	g.Go(func() error {
		runtime.Goexit()
		return nil
	})
	fmt.Println(errors.Is(g.Wait(), belay.ErrGoexit))
	// Output: true
}

func ExampleOptions() {
	// Tasks that change their thread must not share a goroutine with others.
	g, _ := errgroup.New(context.Background(), errgroup.Options{
		Limit:           4,
		FreshGoroutines: true,
	})
	g.Go(func() error {
		runtime.LockOSThread() // without an unlock the thread ends with the task
		return nil
	})
	fmt.Println(g.Wait())
	// Output: <nil>
}

// The producer is held back as soon as two tasks run: no task piles up.
func ExampleGroup_Go() {
	var g errgroup.Group
	g.SetLimit(2)
	sums := make(chan int, 3)
	for i := range 3 {
		g.Go(func() error {
			sums <- i + 10
			return nil
		})
	}
	_ = g.Wait()
	fmt.Println(<-sums + <-sums + <-sums)
	// Output: 33
}

// Do now what there is room for, and the rest later.
func ExampleGroup_TryGo() {
	var g errgroup.Group
	g.SetLimit(1)
	release := make(chan struct{})
	task := func() error { <-release; return nil }
	fmt.Println(g.TryGo(task))
	fmt.Println(g.TryGo(task))
	close(release)
	fmt.Println(g.Wait())
	// Output:
	// true
	// false
	// <nil>
}

func ExampleGroup_SetLimit() {
	var g errgroup.Group
	g.SetLimit(1) // one after the other, in order
	for i := range 3 {
		g.Go(func() error {
			fmt.Println(i)
			return nil
		})
	}
	_ = g.Wait()
	// Output:
	// 0
	// 1
	// 2
}

func ExampleGroup_Wait() {
	var g errgroup.Group
	g.Go(func() error { return errors.New("first") })
	fmt.Println(g.Wait())
	g.Go(func() error { return nil }) // a group may be used on, and keeps its error
	fmt.Println(g.Wait())
	// Output:
	// first
	// first
}

func ExampleGroup_GoContext() {
	g, ctx := errgroup.New(context.Background(), errgroup.Options{Limit: 1})
	release := make(chan struct{})
	g.Go(func() error { <-release; return nil })

	soon, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	err := g.GoContext(soon, func(ctx context.Context) error { return ctx.Err() })
	fmt.Println("not started:", err)

	close(release)
	fmt.Println(g.Wait())
	// Output:
	// not started: context deadline exceeded
	// <nil>
}

func ExampleGroup_WaitContext() {
	g, _ := errgroup.New(context.Background(), errgroup.Options{Name: "import", Limit: 2})
	release := make(chan struct{})
	g.Go(func() error { <-release; return nil })

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(g.WaitContext(ctx))

	close(release)
	fmt.Println(g.WaitContext(context.Background()))
	// Output:
	// errgroup: import: 1 task still runs: context deadline exceeded
	// <nil>
}

func ExampleGroup_Resize() {
	var g errgroup.Group
	g.SetLimit(1)
	second := make(chan struct{})
	g.Go(func() error { <-second; return nil }) // waits for a task that has no slot yet
	fmt.Println(g.TryGo(func() error { return nil }))
	g.Resize(2)
	g.Go(func() error { close(second); return nil })
	fmt.Println(g.Wait())
	// Output:
	// false
	// <nil>
}

func ExampleGroup_Stats() {
	var g errgroup.Group
	g.SetLimit(1)
	release := make(chan struct{})
	g.Go(func() error { <-release; return errors.New("no") })
	g.TryGo(func() error { return nil })
	close(release)
	_ = g.Wait()
	s := g.Stats()
	fmt.Println("limit", s.Limit, "total", s.Total, "refused", s.Refused, "failed", s.Failed)
	// Output: limit 1 total 1 refused 1 failed 1
}

func ExampleGroup_Running() {
	g, _ := errgroup.New(context.Background(), errgroup.Options{Track: true})
	started, release := make(chan struct{}), make(chan struct{})
	g.Go(func() error { close(started); <-release; return nil })
	<-started
	for _, task := range g.Running() {
		fmt.Println(task.Name)
	}
	close(release)
	_ = g.Wait()
	// Output: github.com/belay-go/belay/errgroup_test.ExampleGroup_Running.func1
}

func ExampleOptions_panics() {
	g, ctx := errgroup.New(context.Background(), errgroup.Options{
		PanicsAsErrors: true,
		OnPanic:        func(e *belay.PanicError) { fmt.Println("at once:", e.Value) },
	})
	g.Go(func() error { panic("no such key") })
	<-ctx.Done() // long before Wait
	fmt.Println(g.Wait())
	// Output:
	// at once: no such key
	// belay: panic: no such key
}

func ExampleOptions_errors() {
	g, _ := errgroup.New(context.Background(), errgroup.Options{Limit: 1, Errors: 2})
	for i := range 4 {
		g.Go(func() error { return fmt.Errorf("task %d failed", i) })
	}
	fmt.Println(g.Wait())
	// Output:
	// task 0 failed
	// task 1 failed
	// and 2 more errors
}

// Two groups do no more at once than one of them.
func ExampleOptions_shared() {
	disk := semaphore.NewWeighted(1)
	read, _ := errgroup.New(context.Background(), errgroup.Options{Shared: disk})
	write, _ := errgroup.New(context.Background(), errgroup.Options{Shared: disk})
	busy := 0 // guarded by the shared limit
	for range 10 {
		read.Go(func() error { busy++; return nil })
		write.Go(func() error { busy++; return nil })
	}
	fmt.Println(read.Wait(), write.Wait(), busy)
	// Output: <nil> <nil> 20
}

func ExampleTask() {
	g, _ := errgroup.New(context.Background(), errgroup.Options{Track: true})
	release := make(chan struct{})
	g.Go(func() error { <-release; return nil })
	for len(g.Running()) == 0 {
		runtime.Gosched()
	}
	task := g.Running()[0]
	fmt.Println(task.Age > 0, task.Waited > 0)
	close(release)
	_ = g.Wait()
	// Output: true true
}
