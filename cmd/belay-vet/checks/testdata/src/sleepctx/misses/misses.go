// Package misses sleeps where no context should end the sleep.
package misses

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"
)

func try(context.Context) error { return nil }

func noContext() { time.Sleep(time.Minute) }

// Short, and not one of many.
func short(ctx context.Context, d time.Duration) {
	time.Sleep(100 * time.Millisecond)
	time.Sleep(d)
	for {
		time.Sleep(10 * time.Millisecond)
	}
}

// Not long, and the loop looks at the context.
func delay(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(500 * time.Millisecond)
	}
	for d := time.Millisecond; ctx.Err() == nil; d *= 2 {
		time.Sleep(d)
	}
}

// Who asks again after a random time mostly does so soon.
func jitter(ctx context.Context, longest time.Duration) {
	for try(ctx) != nil {
		time.Sleep(time.Duration(rand.Int64N(int64(longest))))
		time.Sleep(time.Duration(rand.Float64() * float64(longest)))
		time.Sleep(rand.N(longest))
	}
}

func fewRounds(ctx context.Context) {
	for i := 0; i < 5; i++ {
		time.Sleep(200 * time.Millisecond)
	}
	for i := 5; i > 0; i-- {
		time.Sleep(time.Duration(i) * time.Millisecond)
	}
}

// The parameter says that it is ignored.
func ignores(_ context.Context) { time.Sleep(time.Minute) }

func ignoresAll(context.Context) { time.Sleep(time.Minute) }

// Nobody ends these contexts, or only the function itself.
func background() {
	ctx := context.Background()
	_ = try(ctx)
	time.Sleep(time.Minute)
}

func own() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = try(ctx)
	time.Sleep(time.Minute)
}

// Of the context that ends, only the values are kept.
func detached(w http.ResponseWriter, r *http.Request) {
	go func() {
		ctx := context.WithoutCancel(r.Context())
		for try(ctx) != nil {
			time.Sleep(time.Minute)
		}
	}()
}

// The goroutine outlives the function and doesn't use its context.
func goroutine(ctx context.Context) error {
	go func() {
		for {
			time.Sleep(time.Minute)
			println("tick")
		}
	}()
	return try(ctx)
}

// After the end a sleep is on purpose.
func grace(ctx context.Context) {
	<-ctx.Done()
	time.Sleep(5 * time.Second)
}

func graceInSelect(ctx context.Context, in chan int) {
	for {
		select {
		case <-in:
			continue
		case <-ctx.Done():
			time.Sleep(5 * time.Second)
			return
		}
	}
}

func graceAfterSelect(ctx context.Context, in chan int) {
	select {
	case <-in:
		<-ctx.Done()
		time.Sleep(5 * time.Second)
	case <-ctx.Done():
	}
	time.Sleep(5 * time.Second)
}

func graceInIf(ctx context.Context) {
	if ctx.Err() != nil {
		time.Sleep(5 * time.Second)
	}
}

func deferred(ctx context.Context) error {
	defer func() {
		time.Sleep(5 * time.Second)
	}()
	defer atEnd(func() {
		_ = try(ctx)
		time.Sleep(5 * time.Second)
	})
	return try(ctx)
}

func atEnd(f func()) { f() }

type holder struct{ ctx context.Context }

// A context in a field may be anybody's.
func (h *holder) field() { time.Sleep(time.Minute) }

type clock struct{}

func (clock) Sleep(time.Duration) {}

func ownClock(ctx context.Context, c clock) { c.Sleep(time.Minute) }

// A request that is sent is none that is handled; but who has it, has its
// context. Only a value of it has not.
func value(r http.Request) { time.Sleep(time.Minute) }

// The context begins after the sleep.
func later(w http.ResponseWriter, f func(http.ResponseWriter) *http.Request) {
	time.Sleep(time.Minute)
	ctx := f(w).Context()
	_ = try(ctx)
}

// The handler plays the slow server.
func slow(w http.ResponseWriter, r *http.Request) {
	time.Sleep(10 * time.Second)
	w.WriteHeader(http.StatusOK)
}
