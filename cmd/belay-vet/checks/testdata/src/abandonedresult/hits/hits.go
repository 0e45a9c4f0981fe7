// Package hits has results that nobody takes, and channels that get room for them.
package hits

import (
	"context"
	"errors"
	"os"
	"time"
)

func cancelled(ctx context.Context, get func() error) error {
	result := make(chan error)
	go func() {
		result <- get() // want "when ctx is done first, the goroutine that sends on result stays for ever: give the channel room for 1"
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func timedOut(get func() (int, error)) (int, error) {
	type answer struct {
		n   int
		err error
	}
	var answers = make(chan answer, 0)
	go func() {
		n, err := get()
		if err != nil {
			answers <- answer{err: err} // want "when the time is up first, the goroutine that sends on answers"
			return
		}
		answers <- answer{n: n}
	}()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.n, a.err
	case <-timer.C:
	}
	return 0, errors.New("too late")
}

// The way out lies between.
func failsBetween(get func() int, check func() error) (int, error) {
	result := make(chan int)
	go func() { result <- get() }() // want "when the function returns in line 53, before it receives, the goroutine that sends on result"
	if err := check(); err != nil {
		return 0, err
	}
	return <-result, nil
}

// Two write, and one is read.
func firstOfTwo(a, b func() error) error {
	failed := make(chan error)
	go func() { failed <- a() }()
	go func() { failed <- b() }() // want "when the function receives less often than goroutines send, .* room for 2"
	return <-failed
}

// The loop that reads both leaves at the first error.
func leavesAfterOne(a, b func() error) error {
	failed := make(chan error)
	go func() { failed <- a() }()
	go func() { failed <- b() }() // want "less often"
	for i := 0; i < 2; i++ {
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}

type fetcher struct{}

// The goroutine is a method that gets the channel.
func (f *fetcher) fetch(ctx context.Context) error {
	done := make(chan error)
	go f.run(done)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-done:
		return err
	}
}

func (f *fetcher) run(done chan<- error) {
	done <- os.ErrNotExist // want "when ctx is done first, the goroutine that sends on done"
}

// The send is put off to the goroutine's end.
func deferredSend(ctx context.Context, work func()) {
	done := make(chan struct{})
	go func() {
		defer func() { done <- struct{}{} }() // want "when ctx is done first"
		work()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Two channels, two goroutines, and the slower is left.
func race(a, b func() int) int {
	as := make(chan int)
	bs := make(chan int)
	go func() { as <- a() }() // want "when bs is first"
	go func() { bs <- b() }() // want "when as is first"
	select {
	case n := <-as:
		return n
	case n := <-bs:
		return n
	}
}

// A look that doesn't wait.
func started(start func() error) error {
	failed := make(chan error)
	go func(c chan<- error) {
		c <- start() // want "when nothing has come yet"
		close(c)
	}(failed)
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}
