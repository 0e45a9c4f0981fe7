package explore

// This file is what the rewritten source calls.

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"
)

// Step is before each operation on what others may see.
func Step(op string) {
	if r := current; r != nil {
		r.step(op, nil, false)
	}
}

// Await is before an operation that waits until ready says that it can be done,
// which it must say without changing anything. Outside of a run it panics if it
// would wait.
func Await(op string, ready func() bool) {
	if r := current; r != nil {
		r.step(op, ready, false)
	} else if !ready() {
		panic("explore: " + op + " would wait, and nobody else runs")
	}
}

// Gosched stands for runtime.Gosched.
func Gosched() {
	if r := current; r != nil {
		r.step("Gosched", nil, true)
	}
}

// Go stands for the go statement.
func Go(f func()) {
	r := current
	if r == nil {
		panic("explore: go outside of a run")
	}
	r.spawn(f)
}

// Era is the number of the run.
func Era() int { return era }

// Failf ends the run, which fails.
func Failf(format string, args ...any) {
	current.fail(fmt.Sprintf(format, args...))
	select {}
}

// receivable reports whether a receive would not wait. What a sender has sent is
// in the buffer, as senders wait for room in it; a receive from a closed channel
// changes nothing.
func receivable[T any](c <-chan T) bool {
	if len(c) > 0 {
		return true
	}
	select {
	case _, ok := <-c:
		if ok {
			panic("explore: a channel without a buffer, or of a timer")
		}
		return true
	default:
		return false
	}
}

// Recv stands for <-c.
func Recv[T any](c <-chan T) T {
	Await("receive", func() bool { return receivable(c) })
	return <-c
}

// Send stands for c <- v. The channel must have a buffer.
func Send[T any](c chan<- T, v T) {
	Await("send", func() bool { return len(c) < cap(c) })
	c <- v
}

// Close stands for close(c).
func Close[T any](c chan<- T) {
	Step("close")
	close(c)
}

// R is a case of a select that receives.
func R[T any](c <-chan T) func() bool { return func() bool { return receivable(c) } }

// S is a case of a select that sends.
func S[T any](c chan<- T) func() bool { return func() bool { return len(c) < cap(c) } }

// Select returns which of the cases a select takes, -1 for its default. The
// caller then does what the case does.
func Select(orElse bool, cases ...func() bool) int {
	open := func() (list []int) {
		for i, ready := range cases {
			if ready() {
				list = append(list, i)
			}
		}
		return list
	}
	if orElse {
		Step("select")
	} else {
		Await("select", func() bool { return len(open()) > 0 })
	}
	list := open()
	switch r := current; {
	case len(list) == 0:
		return -1
	case r == nil:
		return list[0]
	default:
		return list[r.search.decide(len(list))]
	}
}

// Hash is a hash of a key that is the same in every process.
func Hash(key any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, key)
	x := h.Sum64()
	x ^= x >> 32
	return x * 0x9e3779b97f4a7c15
}

// Context returns a context that only cancel ends, which is a step. It takes none
// of package context's locks.
func Context() (ctx context.Context, cancel func()) {
	c := &explored{done: make(chan struct{})}
	return c, func() {
		Step("cancel")
		if c.err == nil {
			c.err = context.Canceled
			close(c.done)
		}
	}
}

type explored struct {
	done chan struct{}
	err  error
}

func (c *explored) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *explored) Done() <-chan struct{}       { return c.done }
func (c *explored) Value(any) any               { return nil }
func (c *explored) Err() error {
	Step("Err")
	return c.err
}
