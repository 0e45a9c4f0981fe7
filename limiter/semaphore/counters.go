package semaphore

// This file counts what a semaphore did, for Stats.

import (
	"time"

	"github.com/belay-go/belay"
)

// counters is guarded by the semaphore's lock, which is held wherever there is
// something to count, so counting costs no atomics.
type counters struct {
	total     uint64 // units
	waits     uint64 // calls from here on
	refused   uint64
	cancelled uint64
	waitTime  belay.WaitHistogram
}

func (c *counters) granted(n int64) { c.total += uint64(n) }

func (c *counters) waited(d time.Duration) {
	c.waits++
	c.waitTime.Observe(d)
}
