//go:build !linux

package main

// This file makes the child's pause where Go's timers are exact enough.

import "time"

func newPause(d time.Duration) (pause func() error, end func(), err error) {
	return func() error { time.Sleep(d); return nil }, func() {}, nil
}
