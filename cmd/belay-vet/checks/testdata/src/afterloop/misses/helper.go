package misses

// What helps tests has as few rounds as they have.

import (
	"testing"
	"time"
)

func collect(t *testing.T, in <-chan int) {
	for {
		select {
		case <-in:
		case <-time.After(time.Second):
			t.Error("nothing came")
		}
	}
}
