package limiter_test

// This file shows what each exported name is for.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

// A function that takes a Limiter does not mind which.
func ExampleLimiter() {
	fetch := func(ctx context.Context, limit limiter.Limiter) error {
		permit, err := limit.Take(ctx, 1)
		if err != nil {
			return err
		}
		defer permit.Release()
		return nil // the work
	}
	ctx := context.Background()
	fmt.Println(fetch(ctx, semaphore.NewWeighted(10)), fetch(ctx, rate.NewLimiter(100, 10)), fetch(ctx, limiter.All()))
	// Output: <nil> <nil> <nil>
}

func ExampleLimiter_Take() {
	var limit limiter.Limiter = rate.NewLimiter(rate.Every(time.Hour), 1)
	_, err := limit.Take(context.Background(), 1)
	fmt.Println(err)

	soon, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = limit.Take(soon, 1) // fails at once: the next is an hour away
	fmt.Println(errors.Is(err, limiter.ErrTooLate), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// <nil>
	// true true
}

func ExampleLimiter_TryTake() {
	var limit limiter.Limiter = semaphore.NewWeighted(1)
	_, err := limit.TryTake(1)
	fmt.Println(err)
	_, err = limit.TryTake(1)
	fmt.Println(err)
	// Output:
	// <nil>
	// limiter: no room
}

// A permit may be handed on: whoever releases it first has released it.
func ExamplePermit() {
	places := semaphore.NewWeighted(1)
	permit, err := places.TryTake(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer permit.Release() // whatever happens
	finish := func() { permit.Release() }

	finish()
	fmt.Println("in flight:", places.Stats().InFlight)
	// Output: in flight: 0
}

// Released twice, it still gives back once.
func ExamplePermit_Release() {
	places := semaphore.NewWeighted(2)
	first, _ := places.TryTake(1)
	second, _ := places.TryTake(1)
	first.Release()
	first.Release()
	fmt.Println("in flight:", places.Stats().InFlight)
	second.Release()
	// Output: in flight: 1
}

// What an answer of a language model costs is known only when it is there.
// What a limit that finds itself should not take for work that is done.
func ExamplePermit_Drop() {
	var limit limiter.Limiter = semaphore.NewWeighted(1) // to which it is all the same
	call := func(ask func() error) error {
		permit, err := limit.TryTake(1)
		if err != nil {
			return err
		}
		defer permit.Release() // does nothing after a Drop
		err = ask()
		if errors.Is(err, context.DeadlineExceeded) {
			permit.Drop()
		}
		return err
	}
	fmt.Println(call(func() error { return context.DeadlineExceeded }), call(func() error { return nil }))
	// Output: context deadline exceeded <nil>
}

// A client that goes away says nothing about the server.
func ExamplePermit_Ignore() {
	limit := semaphore.NewWeighted(1)
	client, leave := context.WithCancel(context.Background())
	permit, _ := limit.Take(client, 1)
	leave()
	if client.Err() != nil {
		permit.Ignore()
	}
	fmt.Println(limit.Stats().InFlight)
	// Output: 0
}

func ExamplePermit_Settle() {
	tokens := rate.NewLimiter(rate.Every(time.Hour), 1000)
	permit, err := tokens.TryTake(200) // an estimate
	if err != nil {
		fmt.Println(err)
		return
	}
	defer permit.Release()
	permit.Settle(350) // what it came to
	fmt.Printf("%.0f left\n", tokens.Tokens())
	// Output: 650 left
}

// closing is a limit of one's own: it grants everything until it is closed, and
// knows when all is over.
type closing struct{ open chan struct{} }

func (c closing) Take(_ context.Context, n int64) (limiter.Permit, error) { return c.TryTake(n) }

func (c closing) TryTake(n int64) (limiter.Permit, error) {
	select {
	case c.open <- struct{}{}:
		return limiter.NewPermit(c, n), nil
	default:
		return limiter.Permit{}, &limiter.RefusedError{Reason: limiter.ErrFull}
	}
}

func (c closing) Release(int64) { <-c.open }

func ExampleNewPermit() {
	var l limiter.Limiter = closing{open: make(chan struct{}, 1)}
	permit, _ := l.TryTake(1)
	_, err := l.TryTake(1)
	fmt.Println(err)
	permit.Release()
	_, err = l.TryTake(1)
	fmt.Println(err)
	// Output:
	// limiter: no room
	// <nil>
}

// single is a limit of one place.
type single struct {
	taken atomic.Bool
	slot  limiter.Slot
}

func (s *single) Release(int64) { s.taken.Store(false) }
func (s *single) Refund(int64)  {} // one unit has no parts

func (s *single) TryTake() (limiter.Permit, error) {
	if !s.taken.CompareAndSwap(false, true) {
		return limiter.Permit{}, &limiter.RefusedError{Reason: limiter.ErrFull}
	}
	return s.slot.Permit(s, 1), nil
}

func ExampleSlot() {
	var place single
	_, err := place.TryTake()
	fmt.Println(err)
	_, err = place.TryTake()
	fmt.Println(err)
	// Output:
	// <nil>
	// limiter: no room
}

func ExampleSlot_Permit() {
	var place single
	permit, _ := place.TryTake()
	fmt.Println(place.taken.Load())
	permit.Release()
	permit.Release()
	fmt.Println(place.taken.Load())
	// Output:
	// true
	// false
}

func ExampleRefusedError() {
	logins := rate.NewLimiter(rate.Every(time.Hour), 1)
	logins.Allow()
	_, err := logins.TryTake(1)

	var refused *limiter.RefusedError
	if errors.As(err, &refused) {
		fmt.Println("Retry-After:", refused.RetryAfter.Round(time.Minute))
	}
	fmt.Println(errors.Is(err, limiter.ErrLimited), errors.Is(err, limiter.ErrFull))
	// Output:
	// Retry-After: 1h0m0s
	// true false
}

// Without a text a RefusedError says its reason.
func ExampleRefusedError_Error() {
	fmt.Println(&limiter.RefusedError{Reason: limiter.ErrLimited, RetryAfter: 2 * time.Second})
	// Output: limiter: too often, retry in 2s
}

func ExampleRefusedError_Unwrap() {
	err := fmt.Errorf("login: %w", &limiter.RefusedError{Reason: limiter.ErrTooLate})
	fmt.Println(errors.Is(err, limiter.ErrTooLate), errors.Is(err, context.DeadlineExceeded))
	// Output: true true
}

// Code that asks errors for Timeout counts a wait that was not begun as one.
func ExampleRefusedError_Timeout() {
	fmt.Println((&limiter.RefusedError{Reason: limiter.ErrTooLate}).Timeout(), (&limiter.RefusedError{Reason: limiter.ErrFull}).Timeout())
	// Output: true false
}

// At most ten at once, and at most a hundred a second: a call that gets no
// place has not spent a token either.
func ExampleAll() {
	places, events := semaphore.NewWeighted(10), rate.NewLimiter(100, 100)
	limit := limiter.All(places, events)

	permit, err := limit.Take(context.Background(), 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer permit.Release()
	fmt.Println("in flight:", places.Stats().InFlight)
	// Output: in flight: 1
}

// Teams have limits of their own below one for all.
func ExampleComposite() {
	whole := semaphore.NewWeighted(3)
	teamA := limiter.All(semaphore.NewWeighted(2), whole)
	teamB := limiter.All(semaphore.NewWeighted(2), whole)

	for _, team := range []*limiter.Composite{teamA, teamA, teamA, teamB, teamB} {
		_, err := team.TryTake(1)
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
	// limiter: no room
	// <nil>
	// limiter: no room
}

func ExampleComposite_Take() {
	limit := limiter.All(semaphore.NewWeighted(1), semaphore.NewWeighted(5))
	held, _ := limit.Take(context.Background(), 1)

	soon, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := limit.Take(soon, 1)
	fmt.Println(err)
	held.Release()
	// Output: context deadline exceeded
}

// An upload takes one place and as many bytes as it is long.
func ExampleComposite_TakeEach() {
	places, bytes := semaphore.NewWeighted(10), rate.NewLimiter(1<<20, 1<<20)
	upload := limiter.All(places, bytes)

	permit, err := upload.TakeEach(context.Background(), 1, 300<<10)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer permit.Release()
	fmt.Println("in flight:", places.Stats().InFlight)
	// Output: in flight: 1
}

func ExampleComposite_TryTake() {
	_, err := limiter.All(semaphore.NewWeighted(0), rate.NewLimiter(1, 1)).TryTake(1)
	fmt.Println(errors.Is(err, limiter.ErrTooLarge))
	// Output: true
}

func ExampleComposite_TryTakeEach() {
	memory, cores := semaphore.NewWeighted(64<<30), semaphore.NewWeighted(8)
	machine := limiter.All(memory, cores)
	_, err := machine.TryTakeEach(1<<30, 6)
	fmt.Println(err)
	_, err = machine.TryTakeEach(1<<30, 6)
	fmt.Println(err, memory.Stats().InFlight == 1<<30)
	// Output:
	// <nil>
	// limiter: no room true
}

func ExampleComposite_Stats() {
	limit := limiter.All(semaphore.NewWeighted(1), rate.NewLimiter(1, 1))
	limit.TryTake(1)
	limit.TryTake(1)
	fmt.Println("refused:", limit.Stats().Refused)
	// Output: refused: 1
}

// A week in the shadow shows whom the limit would hit.
func ExampleShadow() {
	limit := limiter.Shadow(semaphore.NewWeighted(1))
	limit.TryTake(1)
	_, err := limit.TryTake(1)
	fmt.Println(err, limit.Stats().Refused)

	limit.Enforce(true)
	_, err = limit.TryTake(1)
	fmt.Println(err, limit.Stats().Refused)
	// Output:
	// <nil> 1
	// limiter: no room 2
}

// Any limit may be put in the shadow, whole or in parts.
func ExampleShadowed() {
	places := semaphore.NewWeighted(10)
	tried := limiter.Shadow(rate.NewLimiter(0, 1))
	both := limiter.All(places, tried)
	both.TryTake(1)
	_, err := both.TryTake(1)
	fmt.Println(err, tried.Stats().Refused+tried.Stats().Waited)
	// Output: <nil> 1
}

// It may come from a flag that is changed while the service runs.
func ExampleShadowed_Enforce() {
	limit := limiter.Shadow(semaphore.NewWeighted(0))
	for _, enforce := range []bool{false, true, false} {
		limit.Enforce(enforce)
		_, err := limit.TryTake(1)
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// limiter: request larger than the limit
	// <nil>
}

func ExampleShadowed_Enforcing() {
	limit := limiter.Shadow(semaphore.NewWeighted(1))
	fmt.Println(limit.Enforcing())
	// Output: false
}

func ExampleShadowed_Take() {
	limit := limiter.Shadow(semaphore.NewWeighted(1))
	limit.TryTake(1)
	permit, err := limit.Take(context.Background(), 1) // at once
	fmt.Println(err)
	permit.Release() // holds nothing
	// Output: <nil>
}

func ExampleShadowed_TryTake() {
	_, err := limiter.Shadow(semaphore.NewWeighted(0)).TryTake(1)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleShadowed_Stats() {
	limit := limiter.Shadow(semaphore.NewWeighted(1))
	limit.TryTake(1)
	limit.TryTake(1)
	stats := limit.Stats()
	fmt.Println(stats.InFlight, "in flight,", stats.Refused, "would be refused")
	// Output: 1 in flight, 1 would be refused
}

// Nothing is left, and nobody knows why.
func ExampleWatch() {
	limit := limiter.Watch(semaphore.NewWeighted(1))
	limit.Track(true) // in a service: by a request to its admin address

	limit.TryTake(1) // forgotten
	if _, err := limit.TryTake(1); err != nil {
		for _, h := range limit.Holders() {
			first, _, _ := strings.Cut(h.Stack, "\n")
			fmt.Println(err, "held by", first)
		}
	}
	// Output: limiter: no room held by github.com/belay-go/belay/limiter_test.ExampleWatch
}

func ExampleWatched() {
	places := limiter.Watch(semaphore.NewWeighted(4)) // costs next to nothing
	permit, _ := places.TryTake(1)
	permit.Release()
	fmt.Println(len(places.Holders()))
	// Output: 0
}

func ExampleWatched_Track() {
	limit := limiter.Watch(semaphore.NewWeighted(4))
	limit.TryTake(1)
	limit.Track(true)
	limit.TryTake(2)
	fmt.Println(len(limit.Holders()))
	// Output: 1
}

func ExampleWatched_Take() {
	limit := limiter.Watch(semaphore.NewWeighted(4))
	permit, err := limit.Take(context.Background(), 4)
	if err == nil {
		defer permit.Release()
	}
	fmt.Println(err)
	// Output: <nil>
}

func ExampleWatched_TryTake() {
	limit := limiter.Watch(semaphore.NewWeighted(4))
	_, err := limit.TryTake(5)
	fmt.Println(err)
	// Output: limiter: request larger than the limit
}

func ExampleWatched_Holders() {
	limit := limiter.Watch(semaphore.NewWeighted(4))
	limit.Track(true)
	limit.TryTake(3)
	for _, h := range limit.Holders() {
		fmt.Println(h.Units, h.Age < time.Minute)
	}
	// Output: 3 true
}

func ExampleWatched_Stats() {
	limit := limiter.Watch(semaphore.NewWeighted(4))
	limit.TryTake(3)
	fmt.Println(limit.Stats().InFlight)
	// Output: 3
}

// The oldest come first: of a leak these are the interesting ones.
func ExampleHolder() {
	limit := limiter.Watch(semaphore.NewWeighted(4))
	limit.Track(true)
	limit.TryTake(1)
	for _, h := range limit.Holders() {
		fmt.Println(h.Units, strings.Contains(h.Stack, "ExampleHolder"))
	}
	// Output: 1 true
}

func ExampleHolder_String() {
	fmt.Print(limiter.Holder{Units: 2, Age: 90 * time.Second, Stack: "main.serve\n\t/src/main.go:7\n"})
	// Output:
	// 2 held for 1m30s by
	// main.serve
	// 	/src/main.go:7
}
