package main

// This file makes tasks that need more stack than a goroutine starts with: a
// goroutine per task has to grow it every time, a worker once.

import "sync/atomic"

// stackHungry returns a task that takes its goroutine's stack to kib KiB, a
// power of two: it needs more than half of that, so that less would not do, and
// there is room for what runs it.
func stackHungry(kib int) func() error {
	frames := kib * 5 / 8
	return func() error { descend(frames); return nil }
}

// bottom is called where the stack is longest, for the test to look; nil: not.
var bottom atomic.Pointer[func()]

// descend takes about one KiB of stack per frame. The compiler cannot do without
// the array, since it does not know where it is written before the call, and
// read after.
func descend(frames int) byte {
	var block [1024]byte
	block[frames%len(block)] = 1
	if frames <= 1 {
		if f := bottom.Load(); f != nil {
			(*f)()
		}
		return block[0]
	}
	return descend(frames-1) + block[frames%7]
}
