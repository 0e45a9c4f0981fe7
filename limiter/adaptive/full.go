package adaptive

// This file is the law in overload: the limit is at the knee and follows it, until
// there is no overload any more.

import "time"

// enter begins the phase full.
func (l *law) enter(now time.Duration) {
	l.ended, l.took = now, 0
	if l.phase == probing {
		l.took = now - l.began
	}
	l.phase, l.suspect = full, true
	l.anchor = l.base.value()
	l.ref, l.last, l.turn = point{}, [3]point{}, 0
	l.growth, l.calm, l.since = 0, 0, mean{}
	l.atKnee()
}

// whileFull keeps the limit at the knee.
func (l *law) whileFull(now time.Duration, w window, p point, share float64) {
	limited := share > some
	l.since.add(w.area, w.done)
	if limited {
		l.compare(p)
	}
	if l.relaxed(w, p, limited) {
		l.relax()
		return
	}
	weight := w.done / (w.done + enough)
	l.share += weight * (share - l.share)
	if !limited {
		l.atKnee()
		return
	}
	if l.mean < margin*l.base.value() { // nobody waits
		l.rate = max(l.rate, p.rate())
		l.atKnee()
		if l.growth++; l.growth >= growing {
			l.set(max(l.limit, grow*p.inFlight()))
		}
		return
	}
	l.growth = 0
	after := now - l.ended
	l.deeper = 0
	if p.rate() < lost*l.rate && after > sooner*l.took {
		l.rate = p.rate() // it can do less, or each one takes longer: see which
		l.probe(now, ebb*p.inFlight(), p)
		return
	}
	l.rate += weight * (p.rate() - l.rate)
	if after > max(every, often*l.took) {
		l.probe(now, ebb*l.knee(), p)
		return
	}
	l.atKnee()
}

// relaxed reports whether there is no overload any more: few meet the limit for a
// while, or there are times at which there is not enough to do, so that those who
// met it came in a burst.
func (l *law) relaxed(w window, p point, limited bool) bool {
	switch {
	case limited:
		l.calm = 0
	case p.inFlight() < calmBelow*l.limit:
		l.calm++
	}
	return l.calm >= calm || w.slack > pausing*w.span
}

// compare looks at what lowering the limit has changed. If R has stayed what it
// was, there was no queue: base is too small, and the limit would sink for ever.
func (l *law) compare(p point) {
	l.last[l.turn%3] = p
	l.turn++
	if l.turn < 3 {
		return
	}
	now := l.last[0].add(l.last[1]).add(l.last[2])
	switch was := l.ref; {
	case was.span == 0 || now.inFlight() > levelUp*was.inFlight():
		l.ref = now
	case now.inFlight() > levelDown*was.inFlight(): // follow the rate, at what is in flight there
		rate := was.rate() + follows*(now.rate()-was.rate())
		l.ref.done = rate * was.span
	default:
		less := now.inFlight() / was.inFlight()
		if now.rate() < was.rate()*(1+less)/2 && now.each() < same*was.each() && now.each() > l.base.value() {
			l.base = mean{now.area, now.done}
			l.rate = now.rate()
		}
		l.ref = now
	}
}
