package misses

// A test file that doesn't import testing itself.

import "time"

func waits(in <-chan int) {
	for {
		select {
		case <-in:
		case <-time.After(time.Second):
		}
	}
}
