// Package main leaves its worker to the end of the process.
package main

func main() {
	work := make(chan int)
	go func() {
		for n := range work {
			println(n)
		}
	}()
	work <- 1
}
