package misses

// A test that waits too long fails, and what it leaves ends with the process.

import (
	"testing"
	"time"
)

func TestWaits(t *testing.T) {
	result := make(chan error)
	go func() { result <- nil }()
	select {
	case <-result:
	case <-time.After(time.Second):
		t.Error("too late")
	}
}
