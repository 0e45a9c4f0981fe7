package adaptive

// This file is the law while there is no overload: the limit is far away, and what is
// looked for is a queue that stands.

import "time"

// whileFree looks for a queue that stands.
func (l *law) whileFree(now time.Duration, w window, p point, share float64) {
	// The server can do what it could a while ago, or what it does.
	l.rate = max(p.rate(), l.rate*(1-forgets*min(1, w.span)))
	l.learn(w, share)
	base, limited := l.base.value(), share > some
	known := l.low() > 0 // and so is the slack
	l.suspect = l.mean > resolution && (l.mean > waiting*base || limited && l.mean > alike*base)
	if !l.suspect || known && w.slack >= busy*w.span {
		l.hot = false
		l.loosen(p, share > 0)
		return
	}
	if !known {
		return // look again
	}
	if !l.hot {
		l.hot, l.from = true, now-seconds(w.span)
	}
	if now-l.from >= max(stands, seconds(edges*l.mean)) {
		l.overloaded(now, p, share)
	}
}

// learn takes a window into base in which there was little to wait for.
func (l *law) learn(w window, share float64) {
	if l.mean > alike*l.anchor {
		return
	}
	l.base.add(w.area, w.done)
	l.anchor = min(l.anchor, l.base.value())
	if share == 0 && l.base.done > 2*enough {
		l.proven = true
	}
}

// loosen keeps the limit far away: as much as the goal allows to wait, or four
// times what there is. If even so some are turned away, it was too near.
func (l *law) loosen(p point, limited bool) {
	floor := l.initial
	if l.goal > 0 {
		floor = max(2, min(floor, roomy*l.goal/l.base.value())) // that many, one after the other
	}
	want := max(floor, roomy*l.rate*l.longest(), peaks*p.inFlight())
	if limited {
		want = max(want, doubled*l.limit)
	}
	l.set(max(want, wane*l.limit))
}

// overloaded goes from free to full. If what is in flight is above the knee,
// base shows itself on the way there: a probe at the knee.
func (l *law) overloaded(now time.Duration, p point, share float64) {
	l.hot = false
	l.rate, l.share = p.rate(), share
	to := margin*l.knee() + l.headroom()
	switch {
	case !l.proven:
		l.deeper = 0
		l.probe(now, ebb*p.inFlight(), p)
	case to < p.inFlight():
		l.deeper = 0
		l.probe(now, to, p)
		l.entry = true
	default:
		l.enter(now)
	}
}

// relax begins the phase free.
func (l *law) relax() {
	l.phase, l.suspect = free, true
	l.hot = false
	l.anchor = l.base.value()
	l.set(max(l.limit, roomy*l.rate*l.longest()))
}
