//go:build race

package main_test

// Under the race detector the soak is built with it as well.

func init() { raced = true }
