// Package misses has results that are taken, sends that have another way out,
// and channels that somebody else may have.
package misses

import (
	"context"
	"errors"
	"log"
	"sync"
	"time"
)

func hasRoom(ctx context.Context, get func() error) error {
	result := make(chan error, 1)
	go func() { result <- get() }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The send is a case itself.
func gives(ctx context.Context, get func() error) error {
	result := make(chan error)
	go func() {
		select {
		case result <- get():
		case <-ctx.Done():
		}
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The result is taken later.
func joinedLater(ctx context.Context, stop func(), get func() error) error {
	result := make(chan error)
	go func() { result <- get() }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		stop()
		return errors.Join(ctx.Err(), <-result)
	}
}

// Another goroutine, or the function's end, takes it.
func drained(ctx context.Context, get func() error) error {
	result := make(chan error)
	go func() { result <- get() }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		go func() { <-result }()
		return ctx.Err()
	}
}

func drainedAtTheEnd(check, get func() error) error {
	result := make(chan error)
	go func() { result <- get() }()
	defer func() { <-result }()
	return check()
}

// Two results in a loop, in any order.
func bothInAnyOrder(a, b func() int) (sum int) {
	as, bs := make(chan int), make(chan int)
	go func() { as <- a() }()
	go func() { bs <- b() }()
	for i := 0; i < 2; i++ {
		select {
		case n := <-as:
			sum += n
		case n := <-bs:
			sum -= n
		}
	}
	return sum
}

// Each case takes the other one's result too.
func bothNested(a, b func() int) int {
	as, bs := make(chan int), make(chan int)
	go func() { as <- a() }()
	go func() { bs <- b() }()
	select {
	case n := <-as:
		return n + <-bs
	case n := <-bs:
		return n + <-as
	}
}

// The goroutine sends on one of two.
func resultOrError(get func() (int, error)) (int, error) {
	results, failed := make(chan int), make(chan error)
	go func() {
		n, err := get()
		if err != nil {
			failed <- err
			return
		}
		results <- n
	}()
	select {
	case n := <-results:
		return n, nil
	case err := <-failed:
		return 0, err
	}
}

// It sends nothing when it was stopped.
func stopped(stop <-chan struct{}, serve func() error, closeAll func()) error {
	failed := make(chan error)
	go func() {
		if err := serve(); err != nil && !errors.Is(err, context.Canceled) {
			failed <- err
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-stop:
		closeAll()
		return nil
	}
}

// It may well end without an error, as after a cancel.
func onlyErrors(ctx context.Context, serve func(context.Context) error) error {
	failed := make(chan error)
	go func() {
		if err := serve(ctx); err != nil {
			failed <- err
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Only what it recovered is sent.
func recovered(ctx context.Context, work func()) any {
	panicked := make(chan any)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				panicked <- r
			}
		}()
		work()
	}()
	select {
	case r := <-panicked:
		return r
	case <-ctx.Done():
		return nil
	}
}

// The loop leaves when both have said that they are done.
func untilBothAreDone(a, b func() error) {
	as, bs := make(chan error), make(chan error)
	go func() { as <- a() }()
	go func() { bs <- b() }()
	var aDone, bDone bool
	for {
		if aDone && bDone {
			return
		}
		select {
		case <-as:
			aDone = true
		case <-bs:
			bDone = true
		}
	}
}

// Both are started and taken under one condition.
func perhaps(ask bool, get func() int) (n int) {
	result := make(chan int)
	if ask {
		go func() { result <- get() }()
	}
	if ask {
		n = <-result
	}
	return n
}

func perhapsNot(ask bool, get func() int) int {
	result := make(chan int)
	if ask {
		go func() { result <- get() }()
	}
	if !ask {
		return 0
	}
	return <-result
}

func perhapsOneOf(kind int, get func() int) (n int) {
	result := make(chan int)
	if kind > 1 {
		go func() { result <- get() }()
	}
	switch kind {
	case 2:
		n = <-result
	case 3:
		n = -<-result
	}
	return n
}

// The goroutine runs in any case, and each kind takes its result.
func eachKind(small bool, get func() int) (n int) {
	result := make(chan int)
	go func() { result <- get() }()
	switch {
	case small:
		n = <-result
	case !small:
		n = -<-result
	}
	return n
}

// It sends more than once: how much room would do is not known.
func several(ctx context.Context, get func() error) error {
	result := make(chan error)
	go func() {
		result <- get()
		result <- get()
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The group has waited for all who send.
func closedByGroup(urls []string, get func(string) error) error {
	failed, done := make(chan error), make(chan struct{})
	var wg sync.WaitGroup
	for _, url := range urls {
		wg.Go(func() { failed <- get(url) })
	}
	go func() {
		wg.Wait()
		close(done)
	}()
	for {
		select {
		case err := <-failed:
			log.Print(err)
		case <-done:
			return nil
		}
	}
}

// As many are taken as were sent, by count.
func all(urls []string, get func(string) error) (err error) {
	failed := make(chan error)
	for _, url := range urls {
		go func() { failed <- get(url) }()
	}
	for range urls {
		err = errors.Join(err, <-failed)
	}
	return err
}

func allCounted(urls []string, get func(string) error) {
	failed := make(chan error)
	for _, url := range urls {
		go func() { failed <- get(url) }()
	}
	n := 0
	for {
		<-failed
		if n++; n == len(urls) {
			return
		}
	}
}

// The process ends.
func fatal(get func() error) error {
	result := make(chan error)
	go func() { result <- get() }()
	select {
	case err := <-result:
		return err
	case <-time.After(time.Second):
		log.Fatal("too late")
	}
	return nil
}

// Others have the channel.
type keeper struct{ c chan error }

func (k *keeper) kept(ctx context.Context, get func() error) error {
	result := make(chan error)
	k.c = result
	go func() { result <- get() }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func handedOut(get func() error) <-chan error {
	result := make(chan error)
	go func() { result <- get() }()
	return result
}

func inACallback(ctx context.Context, get func() error, later func(func())) error {
	result := make(chan error)
	go func() { result <- get() }()
	later(func() { <-result })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
