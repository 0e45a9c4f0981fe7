//go:build unix && !linux

package restarts

// This file leaves processes whose parent has ended to the first process.

func adopt() error { return nil }
