package adaptive_test

// This file shows what each exported name is for.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

var ctx = context.Background()

// A handler's work, with the limit in front.
func Example() {
	limit := adaptive.New(adaptive.Options{}) // one for the whole service
	serve := func(ctx context.Context, work func() error) error {
		permit, err := limit.Take(ctx, 1)
		if err != nil {
			return err // refused early, instead of served late
		}
		defer permit.Release() // does nothing after a Drop or an Ignore
		err = work()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			permit.Drop() // lost to overload, here or further down
		case ctx.Err() != nil:
			permit.Ignore() // the client went away, which says nothing
		}
		return err
	}
	fmt.Println(serve(ctx, func() error { return nil }))
	fmt.Println(serve(ctx, func() error { return context.DeadlineExceeded }))
	// Output:
	// <nil>
	// context deadline exceeded
}

func ExampleNew() {
	limit := adaptive.New(adaptive.Options{Goal: 200 * time.Millisecond})
	fmt.Println(limit.Stats().Limit, "until something is known")
	// Output: 20 until something is known
}

// Nobody waits in front of a limit on batches that can come again.
func ExampleOptions() {
	limit := adaptive.New(adaptive.Options{Max: 1, Queue: -1})
	first, _ := limit.Take(ctx, 1)
	_, err := limit.Take(ctx, 1)
	fmt.Println(err)
	first.Release()
	// Output: limiter: no room
}

func ExampleLimiter() {
	var limit limiter.Limiter = adaptive.New(adaptive.Options{}) // for the HTTP middleware, All, Shadow, Watch
	permit, err := limit.TryTake(1)
	permit.Release()
	fmt.Println(err)
	// Output: <nil>
}

func ExampleLimiter_Take() {
	limit := adaptive.New(adaptive.Options{Max: 1})
	first, _ := limit.Take(ctx, 1)
	time.AfterFunc(time.Millisecond, first.Release)
	second, err := limit.Take(ctx, 1) // waits for the first, but not for long
	second.Release()
	fmt.Println(err)
	// Output: <nil>
}

func ExampleLimiter_TryTake() {
	limit := adaptive.New(adaptive.Options{Max: 1})
	limit.TryTake(1)
	_, err := limit.TryTake(1)
	fmt.Println(errors.Is(err, limiter.ErrFull))
	// Output: true
}

// Groups in the whole process that together leave the disk some air.
func ExampleLimiter_Acquire() {
	disk := adaptive.New(adaptive.Options{})
	g, ctx := errgroup.New(ctx, errgroup.Options{Shared: disk})
	for range 3 {
		g.Go(func() error { return ctx.Err() })
	}
	fmt.Println(g.Wait(), disk.Stats().Total, disk.Acquire(ctx, 1) != nil) // the group's context is over
	// Output: <nil> 3 true
}

func ExampleLimiter_TryAcquire() {
	limit := adaptive.New(adaptive.Options{Max: 1})
	fmt.Println(limit.TryAcquire(1), limit.TryAcquire(1))
	// Output: true false
}

func ExampleLimiter_Release() {
	limit := adaptive.New(adaptive.Options{Max: 1})
	if limit.TryAcquire(1) {
		defer limit.Release(1)
	}
	fmt.Println(limit.Stats().InFlight)
	// Output: 1
}

// Who pays is served first; and nobody fills the line for the others.
func ExampleLimiter_For() {
	limit := adaptive.New(adaptive.Options{})
	var alice, bob limiter.Limiter = limit.For("alice", 1), limit.For("bob", 0)
	for _, client := range []limiter.Limiter{alice, bob} {
		permit, err := client.Take(ctx, 1)
		permit.Release()
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
}

// As the limit of each client, for httplimit.PerKey.
func ExampleCaller() {
	limit := adaptive.New(adaptive.Options{})
	limitOf := func(client string) limiter.Limiter { return limit.For(client, 0) }
	_, err := limitOf("192.0.2.1").TryTake(1)
	fmt.Println(err, limit.Stats().InFlight)
	// Output: <nil> 1
}

func ExampleCaller_Take() {
	limit := adaptive.New(adaptive.Options{})
	permit, err := limit.For("nightly report", -1).Take(ctx, 1) // after everybody else
	permit.Release()
	fmt.Println(err)
	// Output: <nil>
}

func ExampleCaller_TryTake() {
	limit := adaptive.New(adaptive.Options{Max: 1})
	limit.TryAcquire(1)
	_, err := limit.For("alice", 1).TryTake(1) // a priority makes no room
	fmt.Println(err != nil)
	// Output: true
}

func ExampleCaller_Quota() {
	limit := adaptive.New(adaptive.Options{Max: 3})
	limit.TryAcquire(1)
	size, left, _, _ := limit.For("alice", 0).Quota()
	fmt.Println(left, "of", size)
	// Output: 2 of 3
}

// All takes from limits in one order, whoever composes them.
func ExampleCaller_Rank() {
	limit := adaptive.New(adaptive.Options{})
	fmt.Println(limit.For("alice", 0).Rank() == limit.Rank())
	// Output: true
}

// What each kind of limit would do is known before it does it.
func ExampleLimiter_State() {
	limit := adaptive.New(adaptive.Options{})
	permit, _ := limit.Take(ctx, 1)
	permit.Release()
	s := limit.State()
	fmt.Println(s.Overloaded, s.Probing, s.Limit)
	// Output: false false 20
}

func ExampleState() {
	var s adaptive.State // of a limit, by State
	if s.Overloaded {
		fmt.Printf("the service can do %.0f a second, and has a queue of %.0f\n", s.Rate, float64(s.Limit)-s.Knee)
	}
	fmt.Println("all is well")
	// Output: all is well
}

func ExampleLimiter_Stats() {
	limit := adaptive.New(adaptive.Options{Max: 1})
	permit, _ := limit.Take(ctx, 1)
	_, _ = limit.TryTake(1)
	s := limit.Stats()
	fmt.Println(s.InFlight, s.Total, s.Refused)
	permit.Release()
	// Output: 1 1 1
}

func ExampleLimiter_Quota() {
	limit := adaptive.New(adaptive.Options{Max: 5})
	size, left, _, _ := limit.Quota()
	fmt.Println(left, "of", size)
	// Output: 5 of 5
}

func ExampleLimiter_Rank() {
	a, b := adaptive.New(adaptive.Options{}), adaptive.New(adaptive.Options{})
	fmt.Println(a.Rank() < b.Rank()) // as they were asked first
	// Output: true
}

// By hand, on a bad day.
func ExampleLimiter_SetMax() {
	limit := adaptive.New(adaptive.Options{})
	limit.SetMax(2)
	fmt.Println(limit.Stats().Limit)
	// Output: 2
}
