package adaptive

// This file is how the law finds out what a request takes without a queue: it lets
// less in flight for a moment, and compares.

import (
	"math"
	"time"
)

// probe lowers the limit to see R with less in flight.
func (l *law) probe(now time.Duration, to float64, before point) {
	l.phase = probing
	l.drained, l.settled, l.entry = false, false, false
	l.began, l.before = now, before
	l.deeper++
	l.limit = max(l.min, 1, math.Floor(min(to, l.max)+.5))
}

// settle waits until the level of a probe is reached, and for as long as one takes
// from then on: those that were in flight by then are older than others, as nobody
// came after them.
func (l *law) settle(now time.Duration, inFlight float64) (anew bool) {
	switch {
	case !l.drained && (inFlight <= l.limit || now-l.began > max(silent, seconds(hopeless*l.before.each()))):
		l.drained = true
		l.warm = now + seconds(l.base.value())
		return true
	case l.drained && now >= l.warm:
		l.settled = true
		return true
	}
	return false
}

// found ends a probe, or lowers the limit further.
func (l *law) found(now time.Duration, p point) {
	base, r := l.base.value(), p.each()
	if l.entry && (r < alike*base || p.rate() > asFast*l.before.rate()) {
		l.enter(now) // as fast as before, with less in flight: it was a queue
		return
	}
	less, quicker := p.inFlight()/l.before.inFlight(), r/l.before.each()
	// By more than half of what it would be if all that waits were gone.
	queue := quicker < 1-half*(1-less)
	if queue && (r > longer*base || r < shorter*base || !l.proven) && l.limit > l.min && l.deeper < deepest {
		to := ebb * p.inFlight()
		if l.proven {
			to = min(to, ebb*l.knee())
		}
		l.probe(now, to, p)
		return
	}
	l.proven = true
	switch was := l.since.value(); {
	case was > r && was < unchanged*r: // there was no queue before it either
		l.base.add(l.since.area, l.since.done)
	case r > base/near && r < near*base:
		l.base.add(p.area, p.done)
	default:
		l.base = mean{p.area, p.done}
	}
	l.enter(now)
}
