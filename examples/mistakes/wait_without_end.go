package mistakes

// A WaitGroup that can't time out.

import (
	"sync"
	"time"

	"github.com/belay-go/belay/timeout"
)

// WaitWrong leaves a goroutine in Wait each time that it gives up.
func WaitWrong(tasks *sync.WaitGroup, limit time.Duration) bool {
	done := make(chan struct{})
	go func() {
		tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// WaitRight leaves nothing, however often it gives up.
func WaitRight(tasks *timeout.WaitGroup, limit time.Duration) bool {
	return !tasks.WaitTimeout(limit)
}
