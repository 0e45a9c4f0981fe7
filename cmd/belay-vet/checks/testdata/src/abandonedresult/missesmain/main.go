// Package main leaves its goroutine to the end of the process.
package main

import "time"

func main() {
	result := make(chan error)
	go func() { result <- nil }()
	select {
	case <-result:
	case <-time.After(time.Second):
	}
}
