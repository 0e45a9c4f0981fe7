// Package misses has waits for a group that end, or whose channel goes elsewhere.
package misses

import (
	"context"
	"errors"
	"log"
	"sync"
	"time"
)

// The other case cancels the tasks, and waits.
func joinedLater(ctx context.Context, cancel func(), wg *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		cancel()
	}
	<-done
	return ctx.Err()
}

// The other case waits for the group itself.
func waitedForLater(ctx context.Context, cancel func(), wg *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		cancel()
		wg.Wait()
	}
	return ctx.Err()
}

// So it does here, where the goroutine knows the group by another name.
func byAnotherName(ctx context.Context, cancel func(), wg *sync.WaitGroup) error {
	done := make(chan struct{})
	go waitAndClose(wg, done)
	select {
	case <-done:
	case <-ctx.Done():
		cancel()
		wg.Wait()
	}
	return ctx.Err()
}

func waitAndClose(group *sync.WaitGroup, closed chan<- struct{}) {
	group.Wait()
	close(closed)
}

// The end of the function waits for the goroutine.
func joinedAtTheEnd(ctx context.Context, wg *sync.WaitGroup) error {
	done := make(chan struct{})
	defer func() { <-done }()
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// There is no other case.
func noLimit(wg *sync.WaitGroup, results chan int) (sum int) {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	for {
		select {
		case n := <-results:
			sum += n
		case <-done:
			return sum
		}
	}
}

// The results end with the group.
func closesResults(wg *sync.WaitGroup, work func(chan int)) (sum int) {
	results := make(chan int)
	work(results)
	go func() {
		wg.Wait()
		close(results)
	}()
	for n := range results {
		sum += n
	}
	return sum
}

// It returns for another reason than that it has waited long enough.
func failsBetween(wg *sync.WaitGroup, check func() error) error {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	if err := check(); err != nil {
		return err
	}
	<-done
	return nil
}

// The process ends.
func fatal(wg *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
		log.Fatal("still busy")
	}
}

// The caller has the channel.
func handedOut(ctx context.Context, wg *sync.WaitGroup) (<-chan struct{}, error) {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return done, errors.New("not yet")
	}
	return done, nil
}

// A group of another kind.
type group struct{}

func (group) Wait() {}

func otherGroup(ctx context.Context, g group) error {
	done := make(chan struct{})
	go func() {
		g.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The goroutine takes from the channel as well: it doesn't tell its end by it.
func takesToo(ctx context.Context, wg *sync.WaitGroup) error {
	turns := make(chan struct{}, 1)
	go func() {
		wg.Wait()
		<-turns
	}()
	select {
	case <-turns:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
