package main

// This file makes tasks that take the processor for a known time without
// asking the clock, whose reading would cost more than a short task.

import (
	"sync"
	"sync/atomic"
	"time"
)

// spinsPerMillisecond is how many rounds of spin the machine does, measured
// once.
var spinsPerMillisecond = sync.OnceValue(func() int {
	const rounds = 1 << 20
	best := time.Duration(1<<63 - 1)
	for range 5 {
		began := time.Now()
		spin(rounds)
		best = min(best, max(time.Since(began), 1))
	}
	return int(rounds * time.Millisecond / best)
})

// sink keeps the compiler from leaving the work out.
var sink atomic.Uint64

func spin(rounds int) {
	x := uint64(1)
	for range rounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	if x == 0 { // never: xorshift does not reach it
		sink.Store(x)
	}
}

// busy returns a task that spins for about d.
func busy(d time.Duration) func() error {
	rounds := max(1, int(time.Duration(spinsPerMillisecond())*d/time.Millisecond))
	return func() error { spin(rounds); return nil }
}
