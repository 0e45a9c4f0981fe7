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

// Work that may use up all of the request's time leaves none to reply in: the
// client sees a broken connection, and not the half of the answer that is there.
func ExampleBudget() {
	request, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()

	ctx, cancel, err := ctxutil.Budget(request, 5*time.Second, time.Second)
	defer cancel()
	if err != nil {
		fmt.Println(err)
		return
	}
	theirs, _ := request.Deadline()
	ours, _ := ctx.Deadline()
	fmt.Println("left to reply in:", theirs.Sub(ours))
	// Output: left to reply in: 5s
}

// A call that takes a minute at best is not begun with less than that: the work
// would be thrown away, here and at the other end.
func ExampleBudget_tooLate() {
	request, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()

	_, cancel, err := ctxutil.Budget(request, 5*time.Second, time.Minute)
	defer cancel() // harmless with an error too
	var timeout *ctxutil.TimeoutError
	if errors.As(err, &timeout) {
		fmt.Println("come back with", timeout.RetryAfter)
	}
	// Output: come back with 1m5s
}

// A request's work also has to end when the process shuts down. With a goroutine
// that waits for both, the cause is lost on the way, and the deadline of one of
// the two is called a cancel.
func ExampleMerge() {
	process, shutDown := context.WithCancelCause(context.Background())
	request, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()

	ctx, cancel := ctxutil.Merge(request, process)
	defer cancel()
	_, hasDeadline := ctx.Deadline()
	fmt.Println("has the request's deadline:", hasDeadline)

	shutDown(errors.New("SIGTERM"))
	_, err := lookup(ctx)
	fmt.Println(err)
	// Output:
	// has the request's deadline: true
	// lookup: SIGTERM
}

// What has to be written down although the client is gone: with the request's
// context it is cut off, with context.WithoutCancel it may hang for ever.
func ExampleDetach() {
	request, stop := context.WithCancelCause(context.Background())
	ctx, cancel := ctxutil.Detach(request, time.Millisecond)
	defer cancel()

	stop(errors.New("client gone"))
	_, err := lookup(ctx) // hangs until the grace is up
	fmt.Println(err)
	// Output: lookup: ctxutil: grace: timed out after 1ms, limit 1ms, after: context canceled: client gone
}

// "context canceled" in a log is where the search begins, and Err is all that
// most code logs.
func ExampleWhy() {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	cancel(fmt.Errorf("replica 3: %w", errors.New("disk full")))

	fmt.Println(ctx.Err())
	fmt.Println(ctxutil.Why(ctx))
	// Output:
	// context canceled
	// context canceled: replica 3: disk full
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
