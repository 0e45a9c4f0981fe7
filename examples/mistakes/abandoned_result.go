package mistakes

// A result channel that nobody reads after a timeout.

import (
	"context"
	"time"

	"github.com/belay-go/belay/timeout"
)

// FetchWrong leaves its goroutine in the send.
func FetchWrong(ctx context.Context, get func() string) (string, error) {
	result := make(chan string)
	go func() { result <- get() }()
	select {
	case r := <-result:
		return r, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// FetchRight has room for the result, whoever takes it.
func FetchRight(ctx context.Context, get func() string) (string, error) {
	result := make(chan string, 1)
	go func() { result <- get() }()
	select {
	case r := <-result:
		return r, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// FetchCounted knows besides how many calls are still at large, and refuses more.
func FetchCounted(calls *timeout.Runner, ctx context.Context, get func() string) (string, error) {
	return timeout.Abandon(calls, ctx, time.Second, func(context.Context) (string, error) { return get(), nil })
}
