package rate

// This file is time: instants on one axis, whichever clock they come from.

import (
	"math"
	"time"
)

// instant is a time in nanoseconds from base on. The difference of two readings
// of one clock is exact; readings of the world's clock and of a testing/synctest
// bubble's are decades apart.
type instant int64

// base has a monotonic reading, so that instants from now on are monotonic, and
// one reading of the clock costs half of [time.Now].
var base = time.Now()

const (
	always = instant(math.MinInt64) // before all others

	// lateness is how old a caller's reading of the clock may be. It is far longer
	// than a goroutine is kept from passing on what it read, unless its process is
	// stopped meanwhile, and far shorter than the way from any real clock to that of
	// a bubble.
	lateness = time.Minute

	// lifetime is longer than a process lives.
	lifetime = instant(1 << 58)
)

// now reads the clock. In a bubble [time.Since] compares the bubble's clock with
// the world's monotonic one, and is off by decades; the wall clocks are what both
// have.
func now() instant {
	t := instant(time.Since(base))
	if t > lifetime {
		t = on(time.Now())
	}
	return t
}

// foreign reports that a reading by now is not of the world's clock.
func (t instant) foreign() bool { return t < 0 || t > lifetime }

// on returns the instant of t: by its monotonic reading if it has one, else by
// its wall clock.
func on(t time.Time) instant { return instant(t.Sub(base)) }

// since returns how long after u it is; it saturates.
func (t instant) since(u instant) time.Duration {
	d := t - u
	switch {
	case t > u && d < 0:
		return math.MaxInt64
	case t < u && d > 0:
		return math.MinInt64
	}
	return time.Duration(d)
}

// add returns the instant d later, which isn't negative; it saturates.
func (t instant) add(d time.Duration) instant {
	if t > 0 && d > time.Duration(math.MaxInt64-t) {
		return math.MaxInt64
	}
	return t + instant(d)
}
