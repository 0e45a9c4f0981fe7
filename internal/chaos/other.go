//go:build !linux

// Command chaos needs Linux's /proc.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "chaos: needs Linux")
	os.Exit(2)
}
