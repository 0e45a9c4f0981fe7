package guides_test

// This file has the code of docs/timeouts.md.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout"
	"github.com/belay-go/belay/timeout/httptimeout"
)

func Example_timeouts_edge() {
	handler := http.NotFoundHandler()

	handler = httptimeout.New(handler, 2*time.Second, httptimeout.Options{
		OnOverstay: func(r *http.Request, over time.Duration) {
			fmt.Println(r.URL.Path, "is out of time by", over, "and still runs")
		},
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code)
	// Output:
	// 404
}

func Example_timeouts_budget() {
	ctx, cancelRequest := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancelRequest()
	search := func(context.Context) error { return nil }

	work, cancel, err := ctxutil.Budget(ctx, 50*time.Millisecond, 200*time.Millisecond) // to answer in; the least that is of use
	defer cancel()
	if err == nil {
		err = search(work)
	}
	if err != nil {
		fmt.Println("answering without:", errors.Is(err, context.DeadlineExceeded)) // ctx is still good for 50 ms
	}
	// Output:
	// answering without: true
}

func Example_timeouts_named() {
	ctx, cancelRequest := context.WithTimeout(context.Background(), time.Minute)
	defer cancelRequest()
	ask := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }

	ctx, cancel := ctxutil.ShrinkNamed(ctx, "price service", 20*time.Millisecond)
	defer cancel()
	err := ask(ctx)

	var late *ctxutil.TimeoutError
	if errors.As(err, &late) {
		fmt.Println(late.Name, late.Limit) // whose deadline it was; a log line is ctxutil.Why(ctx)
	}
	// Output:
	// price service 20ms
}

func Example_timeouts_retry() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	try := func(context.Context) error { return errors.New("refused") }
	var err error

	for pause := 100 * time.Millisecond; ; pause *= 2 {
		if err = try(ctx); err == nil {
			break
		}
		if late := ctxutil.Sleep(ctx, pause); late != nil {
			err = errors.Join(err, late) // what failed, and why there is no other try
			break
		}
	}
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// true
}

func Example_timeouts_abandon() {
	ctx := context.Background()
	release := make(chan struct{})
	lookup := func(string) (string, error) { <-release; return "", nil }

	geo := timeout.Runner{Name: "geo", MaxAbandoned: 100}
	_, err := timeout.Abandon(&geo, ctx, 20*time.Millisecond, func(context.Context) (string, error) {
		return lookup("192.0.2.1")
	})
	fmt.Println(errors.Is(err, context.DeadlineExceeded), geo.Abandoned())
	close(release)
	_ = geo.WaitContext(ctx)
	// Output:
	// true 1
}

func Example_timeouts_detach() {
	request, hangUp := context.WithCancel(context.Background())
	hangUp()
	record := func(ctx context.Context) error { return ctx.Err() }

	ctx, cancel := ctxutil.Detach(request, 5*time.Second) // values of the request, and five seconds from its end
	defer cancel()
	fmt.Println(record(ctx))
	// Output:
	// <nil>
}
