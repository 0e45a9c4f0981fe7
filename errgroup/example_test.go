package errgroup_test

// This file shows why one would want each name of the package.

import (
	"context"
	"errors"
	"fmt"
	"runtime"

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
