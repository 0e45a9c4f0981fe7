package timeout_test

// This file shows what each exported name is for.

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout"
)

// A server that stops gives its background work some time, and then says what
// it leaves undone instead of hanging.
func ExampleWaitGroup() {
	var background timeout.WaitGroup
	stuck := make(chan struct{})
	background.Go(func() {})
	background.Go(func() { <-stuck })

	for background.Len() > 1 {
		runtime.Gosched()
	}
	if background.WaitTimeout(time.Millisecond) {
		fmt.Println("left running:", background.Len())
	}
	close(stuck)
	background.Wait() // the wait that was given up took nothing
	fmt.Println("left running:", background.Len())
	// Output:
	// left running: 1
	// left running: 0
}

// Add announces work whose goroutine is started elsewhere.
func ExampleWaitGroup_Add() {
	var wg timeout.WaitGroup
	jobs := make(chan string)
	go func() { // ends with the jobs
		for range jobs {
			wg.Done()
		}
	}()
	wg.Add(2)
	jobs <- "index"
	jobs <- "compact"
	close(jobs)
	wg.Wait()
	fmt.Println("left:", wg.Len())
	// Output: left: 0
}

// Done is deferred, so that no way out of the task is forgotten.
func ExampleWaitGroup_Done() {
	var wg timeout.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		runtime.Goexit()
	}()
	wg.Wait()
	fmt.Println("over")
	// Output: over
}

// Go adds the task and takes it away again.
func ExampleWaitGroup_Go() {
	var wg timeout.WaitGroup
	squares := make([]int, 4)
	for i := range squares {
		wg.Go(func() { squares[i] = i * i })
	}
	wg.Wait()
	fmt.Println(squares)
	// Output: [0 1 4 9]
}

// Work that arrives while the process stops is refused, and what was accepted
// is waited for: no request slips in between the two.
func ExampleWaitGroup_Close() {
	var requests timeout.WaitGroup
	serve := func() string {
		if !requests.TryAdd(1) {
			return "503"
		}
		defer requests.Done()
		return "200"
	}
	fmt.Println(serve())
	requests.Close()
	fmt.Println(serve())
	requests.Wait() // nothing can be added behind its back
	// Output:
	// 200
	// 503
}

// With a sync.WaitGroup an Add beside a Wait at zero is a race.
func ExampleWaitGroup_TryAdd() {
	var wg timeout.WaitGroup
	fmt.Println(wg.TryAdd(1))
	wg.Done()
	wg.Close()
	fmt.Println(wg.TryAdd(1))
	// Output:
	// true
	// false
}

// The error of the wait says who keeps the process from stopping.
func ExampleWaitGroup_GoNamed() {
	var wg timeout.WaitGroup
	stuck := make(chan struct{})
	wg.GoNamed("flush of the audit log", func() { <-stuck })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := wg.WaitContext(ctx)
	fmt.Println(strings.Contains(err.Error(), "flush of the audit log for "))
	close(stuck)
	wg.Wait()
	// Output: true
}

// A select waits for the tasks among other things, without a goroutine that
// would stay behind when something else comes first.
func ExampleWaitGroup_Zero() {
	var wg timeout.WaitGroup
	wg.Add(1)
	reload := make(chan string, 1)
	reload <- "new configuration"
	for range 2 {
		select {
		case c := <-reload:
			fmt.Println(c)
			wg.Done()
		case <-wg.Zero():
			fmt.Println("all tasks have ended")
		}
	}
	// Output:
	// new configuration
	// all tasks have ended
}

// Len is for the log line that somebody reads while the process stops.
func ExampleWaitGroup_Len() {
	var wg timeout.WaitGroup
	wg.Add(3)
	wg.Done()
	fmt.Printf("waiting for %d uploads\n", wg.Len())
	wg.Add(-2)
	// Output: waiting for 2 uploads
}

// A new round may begin while somebody still waits for the last one.
func ExampleWaitGroup_Wait() {
	var wg timeout.WaitGroup
	wg.Add(1)
	first := make(chan struct{})
	go func() { wg.Wait(); close(first) }()
	wg.Done()
	wg.Add(1) // with a sync.WaitGroup this could panic
	wg.Done()
	<-first
	fmt.Println("released")
	// Output: released
}

// The caller's context bounds the wait, and the error says all there is to say.
func ExampleWaitGroup_WaitContext() {
	var wg timeout.WaitGroup
	wg.Add(2)
	ctx, cancel := ctxutil.ShrinkNamed(context.Background(), "drain", time.Millisecond)
	defer cancel()

	fmt.Println(wg.WaitContext(ctx))
	wg.Add(-2)
	fmt.Println(wg.WaitContext(ctx)) // the result is there, although ctx is done
	// Output:
	// timeout: 2 of the group still running: context deadline exceeded: ctxutil: drain: timed out after 1ms, limit 1ms
	// <nil>
}

// A zero duration asks without waiting, and so a wait can show signs of life.
func ExampleWaitGroup_WaitTimeout() {
	var wg timeout.WaitGroup
	wg.Add(1)
	fmt.Println(wg.WaitTimeout(0))
	for range 2 {
		if wg.WaitTimeout(time.Millisecond) {
			fmt.Println("still waiting")
		}
	}
	wg.Done()
	fmt.Println(wg.WaitTimeout(time.Hour))
	// Output:
	// true
	// still waiting
	// still waiting
	// false
}

// A library hands out a sync.WaitGroup, and this program has to end anyway.
func ExampleWait() {
	var theirs sync.WaitGroup
	theirs.Add(1) // and they never call Done
	if timeout.Wait(&theirs, time.Second/10) {
		fmt.Println("not waiting for the library any longer")
	}
	theirs.Done()
	// Output: not waiting for the library any longer
}
