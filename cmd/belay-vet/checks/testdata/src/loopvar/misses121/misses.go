//go:build go1.21

// Package misses121 is of a version in which the copy was needed.
package misses121

func work(n int) {}

func needed(ns []int) {
	for _, n := range ns {
		n := n
		go func() { work(n) }()
	}
}
