// Command main stops its ticker at the end of the process, and another before.
package main

import "time"

func main() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	go func() {
		for range t.C {
			println("tick")
		}
	}()
	part()
}

func part() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	go func() {
		for range t.C { // want "Stop doesn't close"
			println("tick")
		}
	}()
}
