package misses

// A test that waits too long fails, and what it leaves ends with the process.

import (
	"sync"
	"testing"
	"time"
)

func TestWaits(t *testing.T) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
		t.Error("too late")
	}
}
