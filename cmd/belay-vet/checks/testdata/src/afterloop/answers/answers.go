// Package answers has channels of channels that come round after round, and
// named ones that carry values.
package answers

import "time"

func requests(asks chan chan int) {
	for n := 0; ; n++ {
		select {
		case answer := <-asks:
			answer <- n
		case <-time.After(time.Second): // want "each round makes a timer"
		}
	}
}

func values(closed chan int) {
	for {
		select {
		case n := <-closed:
			println(n)
		case <-time.After(time.Second): // want "each round makes a timer"
		}
	}
}
