// Package old is of a module from before Go 1.23.
package old

import "time"

func leaks(in <-chan int) {
	for {
		select {
		case <-in:
		case <-time.After(time.Hour): // want "leaves a timer behind that stays until it fires, time.Hour later"
		}
	}
}
