package hits

// Here the channel can't be given room without a look at the rest.

import (
	"context"
	"sync"
)

// How many there are is not known here.
func each(urls []string, get func(string) error) error {
	failed := make(chan error)
	for _, url := range urls {
		go func() { failed <- get(url) }() // want "when the loop that receives ends early, .*: give the channel room for all of them"
	}
	for range urls {
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}

func eachUntil(ctx context.Context, urls []string, get func(string) error) error {
	failed := make(chan error)
	for _, url := range urls {
		go func() { failed <- get(url) }() // want "when ctx is done first, .*: give the channel room for all of them"
	}
	for i := 0; i < len(urls); i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-failed:
		}
	}
	return nil
}

// What follows the send may need the receiver to have come.
func goesOn(ctx context.Context, get func() error, after func()) error {
	result := make(chan error)
	var wg sync.WaitGroup
	wg.Go(func() {
		result <- get() // want "when ctx is done first"
		after()
	})
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
