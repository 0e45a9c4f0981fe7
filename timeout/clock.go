package timeout

// This file holds the clock: moments that are compared without an allocation,
// and which of the two clocks there may be.

import (
	"math"
	"runtime/debug"
	"strings"
	"time"
)

// instant is a moment of the monotonic clock, counted from the start of the
// process. In a bubble, whose clock is far behind, it is less than zero.
type instant time.Duration

const (
	never  = instant(math.MaxInt64)
	always = instant(math.MinInt64)
)

var start = time.Now()

func now() instant { return instant(time.Since(start)) }

// in returns the moment that is d later, which is not negative, or never.
func (i instant) in(d time.Duration) instant {
	if sum := i + instant(d); sum >= i {
		return sum
	}
	return never
}

// left returns how long it is until then, zero or less if it has been.
func (i instant) left() time.Duration {
	if i == always { // without asking what time it is
		return 0
	}
	return time.Duration(i - now())
}

// bubbles is whether there may be testing/synctest bubbles, with clocks of their
// own, in this process. That is so only in the binary of a test, and a service
// should not read the clock once more for every timer that it starts, only to
// find that it is no test.
var bubbles = func() bool {
	info, ok := debug.ReadBuildInfo()
	return !ok || info.Path == "" || strings.HasSuffix(info.Path, ".test")
}()

// inBubble reports whether the caller is in a bubble.
func inBubble() bool { return bubbles && onFakeClock(time.Now()) }

// onFakeClock reports whether now, just read, is of a bubble's clock: only that
// has no monotonic reading.
func onFakeClock(now time.Time) bool { return now == now.Round(0) }
