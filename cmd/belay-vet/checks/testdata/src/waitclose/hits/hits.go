// Package hits has waits for a group that leave a goroutine behind.
package hits

import (
	"context"
	"errors"
	"sync"
	"time"
)

func withTimeout(wg *sync.WaitGroup, d time.Duration) bool {
	done := make(chan struct{})
	go func() {
		wg.Wait() // want "when the time is up first, the goroutine that waits for wg stays until the last task is done"
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}

type server struct{ tasks sync.WaitGroup }

func (s *server) Shutdown(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.tasks.Wait() // want "when ctx is done first, the goroutine that waits for tasks stays"
	}()
	select {
	case <-ctx.Done():
	case <-done:
		return nil
	}
	return ctx.Err()
}

// The channel has room, so the send doesn't keep the goroutine; the group does.
func withRoom(wg *sync.WaitGroup, stop <-chan bool) error {
	done := make(chan struct{}, 1)
	go func() {
		wg.Wait() // want "when stop is first"
		done <- struct{}{}
	}()
	select {
	case <-done:
		return nil
	case <-stop:
		return errors.New("stopped")
	}
}

// The goroutine gets the channel, and the loop leaves it.
func polls(wg *sync.WaitGroup, failed <-chan error) {
	done := make(chan struct{})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	go waitAndClose(wg, done)
	for {
		select {
		case <-tick.C:
			continue
		case <-done:
		case <-failed:
		}
		return
	}
}

func waitAndClose(group *sync.WaitGroup, closed chan<- struct{}) {
	group.Wait() // want "when failed is first, the goroutine that waits for group"
	close(closed)
}

// A look that doesn't wait.
func isIdle(wg *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() {
		wg.Wait() // want "when nothing has come yet"
		close(done)
	}()
	select {
	case <-done:
		return true
	default:
	}
	return false
}
