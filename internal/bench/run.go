package main

// This file compares timeout.Run and timeout.Abandon, and the handler of
// httptimeout, with what people write or take for the same.

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/belay-go/belay/timeout"
	"github.com/belay-go/belay/timeout/httptimeout"
)

func runRows() []row {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("hello"))
	})
	return []row{
		{
			shape:  "a call that ends in time",
			peer:   "go, channel, timer",
			target: 1 / 1.3,
			theirs: func(n int) { repeat(context.Background(), n, byTimer) },
			ours:   func(n int) { repeat(context.Background(), n, abandon) },
		},
		{
			shape:  "the same below a request's context, which is bounded too",
			peer:   "go, channel, WithTimeout",
			target: 1 / 1.3,
			theirs: func(n int) { inTime(n, byContext) },
			ours:   func(n int) { inTime(n, abandon) },
		},
		{
			shape:  "that by 8 callers, who share a Runner",
			peer:   "go, channel, WithTimeout",
			target: 1 / 1.3,
			theirs: func(n int) { eightTimes(n, func(n int) { inTime(n, byContext) }) },
			ours:   func(n int) { eightTimes(n, func(n int) { inTime(n, abandon) }) },
		},
		{
			shape:  "a call on its own goroutine that ends in time",
			peer:   "WithTimeout",
			theirs: func(n int) { inTime(n, direct) },
			ours:   func(n int) { inTime(n, timeout.Run[int]) },
		},
		{
			shape:  "a request that is answered in time",
			peer:   "http.TimeoutHandler",
			target: 1,
			theirs: func(n int) { requests(n, http.TimeoutHandler(hello, time.Minute, "")) },
			ours:   func(n int) { requests(n, httptimeout.New(hello, time.Minute, httptimeout.Options{})) },
		},
	}
}

// bounded is a call that is bounded in time.
type bounded func(context.Context, time.Duration, func(context.Context) (int, error)) (int, error)

// inTime calls below a context that can be cancelled, as a request's can.
func inTime(n int, call bounded) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	repeat(ctx, n, call)
}

func repeat(ctx context.Context, n int, call bounded) {
	for range n {
		_, _ = call(ctx, time.Minute, answer)
	}
}

func eightTimes(n int, f func(n int)) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { f(n/8 + 1) })
	}
	all.Wait()
}

// answer is the function that is bounded; it does nothing that takes time.
func answer(context.Context) (int, error) { return 42, nil }

type outcome struct {
	value int
	err   error
}

// byTimer has no end for f, which goes on without knowing that nobody waits.
func byTimer(ctx context.Context, d time.Duration, f func(context.Context) (int, error)) (int, error) {
	c := make(chan outcome, 1)
	go func() { // ends with f
		value, err := f(ctx)
		c <- outcome{value, err}
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case r := <-c:
		return r.value, r.err
	case <-timer.C:
		return 0, context.DeadlineExceeded
	}
}

func byContext(ctx context.Context, d time.Duration, f func(context.Context) (int, error)) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	c := make(chan outcome, 1)
	go func() { // ends with f
		value, err := f(ctx)
		c <- outcome{value, err}
	}()
	select {
	case r := <-c:
		return r.value, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

var runner timeout.Runner

func abandon(ctx context.Context, d time.Duration, f func(context.Context) (int, error)) (int, error) {
	return timeout.Abandon(&runner, ctx, d, f)
}

func direct(ctx context.Context, d time.Duration, f func(context.Context) (int, error)) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

// requests serves n requests to a client that takes everything and keeps nothing.
func requests(n int, h http.Handler) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if err != nil {
		panic(err)
	}
	for range n {
		h.ServeHTTP(&nowhere{http.Header{}}, r)
	}
}

type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}
