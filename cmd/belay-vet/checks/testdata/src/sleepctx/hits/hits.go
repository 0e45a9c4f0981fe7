// Package hits sleeps on when its context is done.
package hits

import (
	"context"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"
)

func try(context.Context) error { return nil }

func retry(ctx context.Context) error {
	for {
		if err := try(ctx); err == nil {
			return nil
		}
		time.Sleep(5 * time.Second) // want "the sleep goes on for 5s when ctx is done: select on ctx.Done.. and time.After"
	}
}

func once(ctx context.Context, n int) error {
	switch n {
	case 1:
		time.Sleep(time.Second) // want "goes on for 1s"
	}
	return try(ctx)
}

func poll(ctx context.Context, interval time.Duration) {
	for {
		_ = try(ctx)
		time.Sleep(2 * interval) // want "goes on for all of 2 . interval"
	}
}

// It never looks: middling sleeps add up.
func deaf(ctx context.Context, ready func() bool) {
	for !ready() {
		time.Sleep(100 * time.Millisecond) // want "goes on for 100ms when ctx"
	}
}

func handler(w http.ResponseWriter, r *http.Request) {
	for range 3 {
		time.Sleep(time.Minute) // want "when r.Context.. is done"
	}
}

// There is a result to decide on: no fix.
func value(ctx context.Context) (int, error) {
	time.Sleep(time.Second) // want "goes on for 1s"
	return 0, try(ctx)
}

func number(ctx context.Context) int {
	time.Sleep(time.Second) // want "goes on for 1s"
	return 0
}

// A return would skip what comes then: no fix.
func after(ctx context.Context, results chan int) {
	for range 3 {
		time.Sleep(time.Second) // want "goes on for 1s"
	}
	results <- 1
}

func unlocks(ctx context.Context, mu *sync.Mutex) error {
	mu.Lock()
	time.Sleep(time.Second) // want "goes on for 1s"
	mu.Unlock()
	return try(ctx)
}

func waited(ctx context.Context, wg *sync.WaitGroup) {
	for {
		time.Sleep(time.Second) // want "goes on for 1s"
		if try(ctx) == nil {
			wg.Done()
		}
	}
}

// The closure has the context of the function around it, since it uses it.
func closure(ctx context.Context) {
	go func() {
		for try(ctx) != nil {
			time.Sleep(time.Second) // want "goes on for 1s when ctx"
		}
	}()
}

func derived(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	for try(ctx) != nil {
		time.Sleep(time.Second) // want "when r.Context.. is done"
	}
}

func signalled() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for {
		if err := try(ctx); err != nil {
			return err
		}
		time.Sleep(time.Hour) // want "goes on for 1h0m0s when ctx"
	}
}

// The case that returns at the context's end doesn't lead to the sleep.
func other(ctx context.Context, in <-chan int) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-in:
		}
		time.Sleep(time.Second) // want "goes on for 1s"
	}
}
