package misses

// A test's rounds end with the test.

import (
	"testing"
	"time"
)

func TestNothing(t *testing.T) {
	in := make(chan int)
	for {
		select {
		case <-in:
		case <-time.After(time.Second):
			return
		}
	}
}
