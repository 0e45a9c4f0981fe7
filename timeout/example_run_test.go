package timeout_test

// This file shows what Run, Abandon and the Runner are for.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout"
)

// query stands for a driver that looks at its context and, as most do, returns
// only its Err.
func query(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", fmt.Errorf("query: %w", ctx.Err())
}

// "query: context deadline exceeded" says neither whose deadline it was nor how
// long that was. Here it does, and nothing had to be changed in the driver.
func ExampleRun() {
	_, err := timeout.Run(context.Background(), 20*time.Millisecond, query)
	fmt.Println(err)

	var limit *ctxutil.TimeoutError
	fmt.Println(errors.Is(err, context.DeadlineExceeded), errors.As(err, &limit))
	// Output:
	// query: context deadline exceeded: ctxutil: run: timed out after 20ms, limit 20ms
	// true true
}

// A limit that the caller has already is kept, and named, if it is the sooner.
func ExampleRun_callersLimit() {
	ctx, cancel := ctxutil.ShrinkNamed(context.Background(), "request", 10*time.Millisecond)
	defer cancel()
	_, err := timeout.Run(ctx, time.Minute, query)
	fmt.Println(err)
	// Output: query: context deadline exceeded: ctxutil: request: timed out after 10ms, limit 10ms
}

// A library without contexts hangs. With a channel for the result and a timer
// beside it the call would return too, but its goroutine would block for ever on
// a channel that nobody reads, and nobody would know how many of them there are.
func ExampleAbandon() {
	hang := make(chan struct{})
	legacy := func(context.Context) (string, error) { <-hang; return "too late", nil }

	payments := timeout.Runner{Name: "payments", OnLate: func(value any, err error) {
		fmt.Println("came late:", value, err)
	}}
	_, err := timeout.Abandon(&payments, context.Background(), 20*time.Millisecond, legacy)
	fmt.Println(err)
	fmt.Println("at large:", payments.Abandoned())

	close(hang)
	_ = payments.WaitContext(context.Background())
	fmt.Println("at large:", payments.Abandoned())
	// Output:
	// context deadline exceeded: ctxutil: payments: timed out after 20ms, limit 20ms
	// at large: 1
	// came late: too late <nil>
	// at large: 0
}

// A panic on another goroutine would end the process, and its recover would have
// lost the stack. Abandon brings both back to the caller.
func ExampleAbandon_panic() {
	defer func() {
		var p *belay.PanicError
		if err, ok := recover().(error); ok && errors.As(err, &p) {
			fmt.Println(p.Value, len(p.Stack) > 0)
		}
	}()
	var r timeout.Runner
	_, _ = timeout.Abandon(&r, context.Background(), time.Minute, func(context.Context) (int, error) {
		panic("index out of date")
	})
	// Output: index out of date true
}

// A dependency that is down collects goroutines, one for each call, until the
// process has no memory left. A Runner stops at a bound, at once.
func ExampleRunner() {
	down := make(chan struct{})
	lookup := func(context.Context) (string, error) { <-down; return "", nil }

	dns := timeout.Runner{Name: "dns", MaxAbandoned: 2}
	for range 4 {
		_, err := timeout.Abandon(&dns, context.Background(), 10*time.Millisecond, lookup)
		fmt.Println(errors.Is(err, timeout.ErrTooManyAbandoned), err)
	}
	close(down)
	_ = dns.WaitContext(context.Background())
	// Output:
	// false context deadline exceeded: ctxutil: dns: timed out after 10ms, limit 10ms
	// false context deadline exceeded: ctxutil: dns: timed out after 10ms, limit 10ms
	// true timeout: too many abandoned calls are still running
	// true timeout: too many abandoned calls are still running
}

// Abandoned is for the log line of a process that stops.
func ExampleRunner_Abandoned() {
	stuck := make(chan struct{})
	var r timeout.Runner
	_, _ = timeout.Abandon(&r, context.Background(), 20*time.Millisecond, func(context.Context) (int, error) {
		<-stuck
		return 0, nil
	})
	fmt.Println("left behind:", r.Abandoned())
	close(stuck)
	_ = r.WaitContext(context.Background())
	// Output: left behind: 1
}

// Stats is what a dashboard shows of a dependency that doesn't come back.
func ExampleRunner_Stats() {
	var r timeout.Runner
	stuck := make(chan struct{})
	_, _ = timeout.Abandon(&r, context.Background(), 20*time.Millisecond, func(context.Context) (int, error) {
		<-stuck
		return 0, errors.New("nobody reads this")
	})
	close(stuck)
	_ = r.WaitContext(context.Background())
	s := r.Stats()
	fmt.Printf("%d of %d at large, %d ever, %d failed\n", s.InFlight, s.Limit, s.Total, s.Failed)
	// Output: 0 of 100 at large, 1 ever, 1 failed
}

// A process that stops gives what its callers left behind a last chance.
func ExampleRunner_WaitContext() {
	var r timeout.Runner
	stuck := make(chan struct{})
	_, _ = timeout.Abandon(&r, context.Background(), 20*time.Millisecond, func(context.Context) (int, error) {
		<-stuck
		return 0, nil
	})
	stopping, cancel := ctxutil.ShrinkNamed(context.Background(), "stop", 10*time.Millisecond)
	defer cancel()
	if err := r.WaitContext(stopping); err != nil {
		fmt.Println("stopping without them:", errors.Is(err, context.DeadlineExceeded))
	}
	close(stuck)
	fmt.Println(r.WaitContext(context.Background()))
	// Output:
	// stopping without them: true
	// <nil>
}
