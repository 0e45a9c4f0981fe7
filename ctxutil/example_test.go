package ctxutil_test

// This file shows what each exported name is for.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-go/belay/ctxutil"
)

// lookup stands for a dependency that looks at its context.
func lookup(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", fmt.Errorf("lookup: %w", context.Cause(ctx))
}

// A dependency gets less time than the request has, so that time is left to
// answer without it.
func ExampleShrink() {
	request, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()

	ctx, cancel := ctxutil.Shrink(request, time.Millisecond)
	defer cancel()
	_, err := lookup(ctx)
	fmt.Println(err)
	fmt.Println("time left to answer:", request.Err() == nil)
	// Output:
	// lookup: ctxutil: timed out after 1ms, limit 1ms
	// time left to answer: true
}

// A limit can be raised without looking at who calls: where the caller has
// less time, that holds, and nothing is paid for a timer.
func ExampleShrink_neverExtends() {
	request, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()

	ctx, cancel := ctxutil.Shrink(request, time.Hour)
	defer cancel()
	theirs, _ := request.Deadline()
	ours, _ := ctx.Deadline()
	fmt.Println(ours.Equal(theirs))
	// Output: true
}

// With several limits around one call, the name says which was reached.
func ExampleShrinkNamed() {
	request, stop := ctxutil.ShrinkNamed(context.Background(), "request", time.Minute)
	defer stop()
	dns, cancel := ctxutil.ShrinkNamed(request, "dns", time.Millisecond)
	defer cancel()
	one, end := ctxutil.ShrinkNamed(dns, "one name server", time.Second)
	defer end()

	_, err := lookup(one)
	fmt.Println(err)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// lookup: ctxutil: dns: timed out after 1ms, limit 1ms
	// true
}

// A loop that polls ends with its context, in the middle of a pause too.
func ExampleSleep() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for try := 1; ; try++ {
		fmt.Println("try", try)
		if try == 2 {
			cancel()
		}
		if err := ctxutil.Sleep(ctx, time.Millisecond); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// try 1
	// try 2
	// context canceled
}

// A back-off that the deadline leaves no time for fails now, while there is
// still time to say so, and not at the deadline.
func ExampleSleep_tooLate() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	err := ctxutil.Sleep(ctx, time.Hour)
	var timeout *ctxutil.TimeoutError
	if errors.As(err, &timeout) {
		fmt.Println("come back with more than", timeout.RetryAfter)
	}
	fmt.Println("time left to say so:", ctx.Err() == nil)
	// Output:
	// come back with more than 1h0m0s
	// time left to say so: true
}

// One type for every timeout: what to put on a dashboard needs no parsing.
func ExampleTimeoutError() {
	ctx, cancel := ctxutil.ShrinkNamed(context.Background(), "index", time.Millisecond)
	defer cancel()
	_, err := lookup(ctx)

	var timeout *ctxutil.TimeoutError
	if errors.As(err, &timeout) {
		fmt.Println(timeout.Name, timeout.Limit, timeout.Elapsed)
	}
	// Output: index 1ms 1ms
}

// A limit of one's own reports itself the same way.
func ExampleTimeoutError_Error() {
	err := &ctxutil.TimeoutError{Name: "handshake", Limit: time.Second, Elapsed: 1250 * time.Millisecond}
	fmt.Println(err.Error())
	// Output: ctxutil: handshake: timed out after 1.25s, limit 1s
}

// Code that knows only the method sees a timeout.
func ExampleTimeoutError_Timeout() {
	var err error = &ctxutil.TimeoutError{Name: "handshake", Limit: time.Second}
	if t, ok := err.(interface{ Timeout() bool }); ok && t.Timeout() {
		fmt.Println("try again")
	}
	// Output: try again
}

// Code that knows only package context sees its deadline error.
func ExampleTimeoutError_Unwrap() {
	err := &ctxutil.TimeoutError{Name: "handshake", Limit: time.Second}
	fmt.Println(errors.Unwrap(err) == context.DeadlineExceeded)
	// Output: true
}
