// Package leaky has what belay-vet finds, in code that compiles, passes go vet and
// works in every test that nobody thought of making hard.
package leaky

import (
	"context"
	"errors"
	"time"

	"github.com/belay-go/belay/limiter/semaphore"
)

// Ask leaves its goroutine behind whenever ctx ends first: the channel has no room.
func Ask(ctx context.Context, ask func() string) (string, error) {
	answer := make(chan string)
	go func() { answer <- ask() }()
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Retry sleeps on when nobody waits any more.
func Retry(ctx context.Context, f func(context.Context) error) error {
	for {
		if err := f(ctx); err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Second)
	}
}

// Order keeps its place for ever when the basket is empty.
func Order(ctx context.Context, places *semaphore.Weighted, basket []string) error {
	permit, err := places.Take(ctx, 1)
	if err != nil {
		return err
	}
	if len(basket) == 0 {
		return errors.New("nothing to order")
	}
	permit.Release()
	return nil
}
