package belay_test

// This file shows what the types that all packages share are for.

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/belay-go/belay"
)

// What was panicked with is reached like any other cause.
func ExamplePanicError() {
	var err error = &belay.PanicError{Value: io.ErrUnexpectedEOF, Stack: []byte("goroutine 1 [running]: ...")}

	fmt.Println(err)
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))

	var p *belay.PanicError
	if errors.As(err, &p) {
		fmt.Println(len(p.Stack) > 0)
	}
	// Output:
	// belay: panic: unexpected EOF
	// true
	// true
}

func ExamplePanicError_Error() {
	fmt.Println((&belay.PanicError{Value: "index out of range"}).Error())
	// Output: belay: panic: index out of range
}

// Whoever hands a panic on must not lose where it came from.
func ExamplePanicError_Repanic() {
	caught := &belay.PanicError{Value: "index out of date", Stack: []byte("main.search(...)")}
	defer func() {
		fmt.Println(recover()) // as a crash would print it
	}()
	caught.Repanic()
	// Output:
	// belay: panic: index out of date
	//
	// main.search(...)
}

func ExamplePanicError_Unwrap() {
	fmt.Println((&belay.PanicError{Value: io.EOF}).Unwrap())
	fmt.Println((&belay.PanicError{Value: 42}).Unwrap())
	// Output:
	// EOF
	// <nil>
}

// The mean wait of those who waited: the number that says whether a limit is
// too low.
func ExampleStats() {
	s := belay.Stats{Limit: 8, InFlight: 8, Waiting: 3, Total: 1000, Waited: 2}
	s.WaitTime.Observe(20 * time.Millisecond)
	s.WaitTime.Observe(40 * time.Millisecond)

	fmt.Println(s.WaitTime.Sum / time.Duration(s.Waited))
	// Output: 30ms
}

func ExampleWaitHistogram() {
	var h belay.WaitHistogram
	h.Observe(300 * time.Nanosecond)
	h.Observe(2 * time.Millisecond)
	for i, n := range h.Counts {
		if n > 0 {
			fmt.Println(n, "below", belay.WaitBound(i))
		}
	}
	// Output:
	// 1 below 1µs
	// 1 below 4.096ms
}

func ExampleWaitHistogram_Observe() {
	var h belay.WaitHistogram
	h.Observe(-time.Second) // a clock that went back counts as no wait
	fmt.Println(h.Counts[0], h.Sum)
	// Output: 1 0s
}

func ExampleWaitBound() {
	fmt.Println(belay.WaitBound(0), belay.WaitBound(5), belay.WaitBound(10))
	// Output: 1µs 1.024ms 1.048576s
}
