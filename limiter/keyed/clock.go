package keyed

// This file is time: instants from the beginning of a clock, and what happens
// when it is another clock.

import (
	"sync"
	"sync/atomic"
	"time"
)

// instant is nanoseconds since the beginning of a clock; never negative.
type instant int64

// base has a monotonic reading, so that a reading of the clock costs half of
// [time.Now].
var base = time.Now()

// lifetime is how long a clock is good for: two years.
const lifetime = instant(highest >> finest)

// clock reads the world's clock, or that of a testing/synctest bubble.
type clock struct {
	abroad atomic.Bool // the last reading was not of the world's clock
	forget func()      // what to do when it is another one than the last time

	mu struct {
		sync.Mutex
		origin, last time.Duration // readings, while abroad
	}
}

// now reads the clock, and calls forget, with a lock held, where it is another one
// than the last time: the world's never goes back, so this is a bubble, or no
// longer the same.
//
// In a bubble [time.Since] compares the bubble's clock with the world's monotonic
// one, and is off by decades; the wall clocks are what both have.
func (c *clock) now() instant {
	if t := instant(time.Since(base)); t < lifetime && !c.abroad.Load() && t >= 0 {
		return t
	}
	return c.elsewhere()
}

func (c *clock) elsewhere() instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Under the lock no reading overtakes another.
	t := time.Since(base)
	home := t >= 0 && t < time.Duration(lifetime)
	if !home {
		//lint:ignore S1012 that is what was tried above, and it is another clock
		t = time.Now().Sub(base)
		home = t >= 0 && t < time.Duration(lifetime)
	}
	abroad := c.abroad.Load()
	switch {
	case home && abroad:
		c.forget()
		c.abroad.Store(false)
	case !home && (!abroad || t < c.mu.last || t-c.mu.origin >= time.Duration(lifetime)):
		c.forget()
		c.mu.origin = t
		c.abroad.Store(true)
	}
	if home {
		return instant(t)
	}
	c.mu.last = t
	return instant(t - c.mu.origin)
}
