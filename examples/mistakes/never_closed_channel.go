package mistakes

// A channel that a goroutine ranges over, and that is not closed on each way out.

import (
	"context"
	"slices"

	"github.com/belay-go/belay/errgroup"
)

// SendAllWrong closes the queue unless something fails.
func SendAllWrong(names []string, find func(string) (string, error), send func(string)) error {
	queue := make(chan string)
	go func() {
		for address := range queue {
			send(address)
		}
	}()
	for _, name := range names {
		address, err := find(name)
		if err != nil {
			return err
		}
		queue <- address
	}
	close(queue)
	return nil
}

// SendAllRight closes it in any case.
func SendAllRight(names []string, find func(string) (string, error), send func(string)) error {
	queue := make(chan string)
	defer close(queue)
	go func() {
		for address := range queue {
			send(address)
		}
	}()
	for _, name := range names {
		address, err := find(name)
		if err != nil {
			return err
		}
		queue <- address
	}
	return nil
}

// SendAllBounded has no channel of its own, and returns when all is sent.
func SendAllBounded(ctx context.Context, names []string, find func(string) (string, error), send func(string)) error {
	return errgroup.ForEach(ctx, errgroup.Options{Limit: 8}, slices.Values(names), func(_ context.Context, name string) error {
		address, err := find(name)
		if err == nil {
			send(address)
		}
		return err
	})
}
