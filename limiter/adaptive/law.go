package adaptive

// This file is the law: how windows of what happened become the limit. It knows
// no clock and no lock; whoever has one of each passes in what was seen.
//
// What is looked for is the knee: the fewest units in flight with which the server
// is as fast as it can be. Little's law gives it. In a window of length T in which
// the units in flight add up to an area A, and N of them get done,
//
//	R = A/N is how long one takes,  X = N/T is how many get done a second,
//
// whatever happens inside, and there is no need to know when which one began. Let
// base be R where nothing waits for anything else. Then X*base units are being
// worked on, and what is in flight besides them waits. So with enough in flight
//
//	knee = X * base
//
// If there is not enough in flight, X*base is what is in flight, and a limit a
// little above the knee grows by itself. All depends on base, which can't be seen
// while there is a queue, and which changes: so it is measured with fewer in flight
// (a probe), and any doubt about it is settled by one rule. Less in flight makes
// the queue shorter and R smaller, in proportion, if there is a queue; and leaves R
// as it is, if there is none.
//
//	        it stands for long             found out
//	free ───────────────────────▶ probing ──────────▶ full
//	 ▲  └───── less than the knee is too much ────────▶ │ ▲
//	 │                                    now and then, ▼ │ found out
//	 └────────────────────────────────────────── full   probing
//	   not enough comes, or it pauses
//
// Free, the limit is there for the case that things go wrong, and far away, so that
// a burst that is over soon loses nobody. Full, it is at the knee and a little
// more. It goes from free to full only if a queue stands: if it is there in all
// windows for longer than a burst, and the server never without enough to do.

import (
	"math"
	"time"
)

// phase is where the law is.
type phase uint8

const (
	free    phase = iota // from the start, and from full. To probing or full, by overloaded
	full                 // from free, and from probing by found. To probing, by probe; to free, by relax
	probing              // from free and full, by probe. To full, by found
)

const (
	// enough is how many done make a window worth judging: the mean of a hundred
	// times that vary as much as they are long is good to 10 %. A small server
	// takes as many as few, rather than have no window for seconds.
	enough, few = 100, 20
	// probed is enough for a probe: its result is added to earlier ones.
	probed = 60
	// shortest, and three times R, is the least length of a window: who is in flight
	// at one of its edges counts in A for what is within, and in N wholly or not.
	shortest = 10 * time.Millisecond
	// patient is when a window with few done is judged, and idle when one with
	// almost none is.
	patient, silent = 250 * time.Millisecond, time.Second
	// stale is when a window says nothing any more: the clock is another, or the
	// process was asleep.
	stale = time.Minute
	// resolution, in seconds, is what times are too short below to be told apart: twenty
	// ticks of the account, and about as many times what a grant costs.
	resolution = 5e-6
	// stands is how long a queue has to be there to be no burst's. It is twice the
	// interval of CoDel (RFC 8289, 3.2), which looks at every packet.
	stands = 200 * time.Millisecond
	// waiting is by how much R is above base where there is a queue that matters:
	// more than by chance, and as much as a server at 90 % of its capacity has.
	waiting = 1.5
	// margin is what the knee is raised by, as X and base are means of about a
	// hundred: to be wrong upwards costs that much latency, downwards as much
	// throughput, and more at each turn, as X follows.
	margin = 1.1
	// ebb is the part of the knee that a probe leaves in flight: below it by more
	// than margin and chance, and as little below as that allows, for what it costs.
	ebb = 0.6
	// often is how long after a probe the next may come, in times of how long it
	// took. A probe loses 1-ebb of the throughput, so all of them cost 1.5 %.
	often = 27
	// every is the least time between two probes that have no other reason.
	every = 5 * time.Second
	// memory is how many done the mean that is base remembers.
	memory = 1000
	// idle is the part of the time for which a server of one place may have nothing
	// to do while others are turned away. See headroom.
	idle = 0.02
)

// window is what happened in a length of time. All of it are units, or times in
// seconds.
type window struct {
	span    float64
	area    float64 // units in flight, times how long
	done    float64 // those that got done
	ended   float64 // these, and those that were lost
	arrived float64 // that were asked for
	limited float64 // of those, that met the limit: they wait, or were turned away
	slack   float64 // time in which fewer than half of the knee were in flight
}

// law is the state. Its owner guards it.
type law struct {
	goal     float64 // seconds; 0: none
	min, max float64
	initial  float64

	phase phase
	limit float64
	rate  float64 // X, where the server was seen to be as fast as it can be
	share float64 // of those that arrive, that meet the limit
	mean  float64 // R of the last window

	base   mean    // R without a queue
	proven bool    // base was seen with little in flight
	anchor float64 // base may rise to above this only by a probe, or it would follow a queue

	// Of the phase free.
	suspect bool          // the last window had a queue, for whatever time
	hot     bool          // it stood
	from    time.Duration // since when

	// Of full.
	ref    point    // where it was a while ago
	last   [3]point // the last windows
	turn   int
	growth int  // windows in a row without a queue
	calm   int  // windows in a row in which few met the limit
	since  mean // R since the last probe

	// Of probing.
	drained bool // the level is reached
	settled bool // and those that it was reached with are gone
	before  point
	began   time.Duration
	warm    time.Duration // when it is settled
	deeper  int           // how often it was lowered
	entry   bool          // the first of an overload: at the knee, not below
	ended   time.Duration // the last one
	took    time.Duration
}

// mean is a mean that forgets.
type mean struct{ area, done float64 }

func (m *mean) value() float64 {
	if m.done == 0 {
		return 0
	}
	return m.area / m.done
}

func (m *mean) add(area, done float64) {
	m.area += area
	m.done += done
	if m.done > memory {
		m.area *= memory / m.done
		m.done = memory
	}
}

// point is where the server was: so much in flight, so much done a second.
type point struct{ area, done, span float64 }

func (p point) inFlight() float64 { return p.area / p.span }
func (p point) rate() float64     { return p.done / p.span }
func (p point) each() float64     { return p.area / p.done }
func (p point) add(q point) point { return point{p.area + q.area, p.done + q.done, p.span + q.span} }

// knee is the fewest units that keep the server busy.
func (l *law) knee() float64 { return l.rate * l.base.value() }

// longest is how long one may take, queue included.
func (l *law) longest() float64 {
	if l.goal > 0 {
		return l.goal
	}
	return 4 * l.base.value() // no goal: what overload costs is bounded all the same
}

// headroom is what is in flight above the knee, waiting, so that the server is not
// without work for a moment while others are turned away. It must be the larger,
// the fewer those are: in a queue with K places of a server that is asked for 1/s
// times what it can do, there is nothing to do for p = (1-s)s^K/(1-s^(K+1)) of the
// time (M/M/1/K). Solved for K, at a p that is small for one place, and grows like
// the square root of their number, as with so many there is almost always some
// work (Halfin and Whitt, 1981).
func (l *law) headroom() float64 {
	knee := l.knee()
	p := min(.5, idle*math.Sqrt(max(1, knee)))
	s := 1 - max(l.share, .001)
	s = max(s, .001)
	k := math.Log((1-s+p*s)/p) / -math.Log(s)
	return max(1, min(k, l.rate*(.6*l.longest()-l.base.value())))
}

// set sets the limit.
func (l *law) set(x float64) { l.limit = math.Ceil(min(l.max, max(l.min, x))) }

// atKnee sets the limit to where the server is busy, and little waits.
func (l *law) atKnee() { l.set(margin*l.knee() + l.headroom()) }

// low is the number in flight below which the server has not enough to do. What is
// in flight at a small server crosses it all the time, which costs something, so
// there it is looked at only if there is a reason to.
func (l *law) low() float64 {
	low := .5 * l.knee()
	if low < 1 && !l.suspect {
		return 0
	}
	return math.Ceil(low)
}

// due is how long after its beginning the window may be judged at the earliest.
func (l *law) due() time.Duration {
	if l.phase == probing && !l.settled {
		return 0
	}
	return max(shortest, seconds(3*max(l.mean, l.base.value())))
}

// ripe reports whether the window that is now so long, with so many done and
// limited, is to be judged. inFlight is what is in flight now; start is called
// where the window has to begin anew.
func (l *law) ripe(now, span time.Duration, inFlight, done, limited float64) (ripe, anew bool) {
	if l.phase == probing && !l.settled {
		return false, l.settle(now, inFlight)
	}
	need := min(enough, max(few, 4*l.limit))
	if l.phase == probing {
		need = probed
	}
	r := seconds(10 * max(l.mean, l.base.value()))
	switch {
	case span < l.due():
		return false, false
	case done >= need:
	case done >= few && span > patient && l.phase != probing:
	case span > max(silent, r) && (done >= few || limited > 0):
	default:
		return false, false
	}
	return true, true
}

// settle waits until the level of a probe is reached, and for as long as one takes
// from then on: those that were in flight by then are older than others, as nobody
// came after them.
func (l *law) settle(now time.Duration, inFlight float64) (anew bool) {
	switch {
	case !l.drained && (inFlight <= l.limit || now-l.began > max(silent, seconds(10*l.before.each()))):
		l.drained = true
		l.warm = now + seconds(l.base.value())
		return true
	case l.drained && now >= l.warm:
		l.settled = true
		return true
	}
	return false
}

// judge moves the limit by what happened in a window that ends now.
func (l *law) judge(now time.Duration, w window) {
	p := point{w.area, w.done, w.span}
	if w.done == 0 {
		l.nothingDone(now)
		return
	}
	l.mean = p.each()
	if l.base.done == 0 {
		l.base.add(w.area, w.done)
		l.anchor = l.mean
	}
	share := max(0, min(1, w.limited/max(1, w.arrived)))
	switch l.phase {
	case free:
		l.whileFree(now, w, p, share)
	case full:
		l.whileFull(now, w, p, share)
	case probing:
		l.found(now, p)
	}
}

// nothingDone: all fail, or nothing comes back. Whatever is still asked for is no
// use to anybody, but what it takes to see it come back: as many as tell chance
// from change, the root of the knee.
func (l *law) nothingDone(now time.Duration) {
	if l.phase == probing {
		l.enter(now)
	}
	l.set(max(math.Sqrt(l.knee()), .7*l.limit))
}

// whileFree looks for a queue that stands.
func (l *law) whileFree(now time.Duration, w window, p point, share float64) {
	// The server can do what it could a while ago, or what it does.
	l.rate = max(p.rate(), l.rate*(1-.1*min(1, w.span)))
	l.learn(w, share)
	base, limited := l.base.value(), share > .01
	known := l.low() > 0 // and so is the slack
	l.suspect = l.mean > resolution && (l.mean > waiting*base || limited && l.mean > 1.3*base)
	if !l.suspect || known && w.slack >= .1*w.span {
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
	if now-l.from >= max(stands, seconds(3*l.mean)) {
		l.overloaded(now, p, share)
	}
}

// learn takes a window into base in which there was little to wait for.
func (l *law) learn(w window, share float64) {
	if l.mean > 1.3*l.anchor {
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
		floor = max(2, min(floor, .8*l.goal/l.base.value())) // that many, one after the other
	}
	want := max(floor, .8*l.rate*l.longest(), 4*p.inFlight())
	if limited {
		want = max(want, 2*l.limit)
	}
	l.set(max(want, .98*l.limit))
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

// relax begins the phase free.
func (l *law) relax() {
	l.phase, l.suspect = free, true
	l.hot = false
	l.anchor = l.base.value()
	l.set(max(l.limit, .8*l.rate*l.longest()))
}

// whileFull keeps the limit at the knee.
func (l *law) whileFull(now time.Duration, w window, p point, share float64) {
	limited := share > .01
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
		if l.growth++; l.growth >= 2 {
			l.set(max(l.limit, 1.25*p.inFlight()))
		}
		return
	}
	l.growth = 0
	after := now - l.ended
	l.deeper = 0
	if p.rate() < .6*l.rate && after > 10*l.took {
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
	case p.inFlight() < .85*l.limit:
		l.calm++
	}
	return l.calm >= 4 || w.slack > .2*w.span
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
	case was.span == 0 || now.inFlight() > 1.1*was.inFlight():
		l.ref = now
	case now.inFlight() > .8*was.inFlight(): // follow the rate, at what is in flight there
		rate := was.rate() + .2*(now.rate()-was.rate())
		l.ref.done = rate * was.span
	default:
		less := now.inFlight() / was.inFlight()
		if now.rate() < was.rate()*(1+less)/2 && now.each() < 1.15*was.each() && now.each() > l.base.value() {
			l.base = mean{now.area, now.done}
			l.rate = now.rate()
		}
		l.ref = now
	}
}

// probe lowers the limit to see R with less in flight.
func (l *law) probe(now time.Duration, to float64, before point) {
	l.phase = probing
	l.drained, l.settled, l.entry = false, false, false
	l.began, l.before = now, before
	l.deeper++
	l.limit = max(l.min, 1, math.Floor(min(to, l.max)+.5))
}

// found ends a probe, or lowers the limit further.
func (l *law) found(now time.Duration, p point) {
	base, r := l.base.value(), p.each()
	if l.entry && (r < 1.3*base || p.rate() > .85*l.before.rate()) {
		l.enter(now) // as fast as before, with less in flight: it was a queue
		return
	}
	less, shorter := p.inFlight()/l.before.inFlight(), r/l.before.each()
	// Shorter by more than half of what a queue would be shorter by.
	queue := shorter < 1-.6*(1-less)
	if queue && (r > 1.2*base || r < .85*base || !l.proven) && l.limit > l.min && l.deeper < 6 {
		to := ebb * p.inFlight()
		if l.proven {
			to = min(to, ebb*l.knee())
		}
		l.probe(now, to, p)
		return
	}
	l.proven = true
	switch was := l.since.value(); {
	case was > r && was < 1.05*r: // there was no queue before it either
		l.base.add(l.since.area, l.since.done)
	case r > .75*base && r < 1.33*base:
		l.base.add(p.area, p.done)
	default:
		l.base = mean{p.area, p.done}
	}
	l.enter(now)
}

// rebase is for when the clock is another: whatever was to happen later is to
// happen later than now.
func (l *law) rebase(now time.Duration) {
	l.from, l.began, l.warm, l.ended = now, now, now, now
}

// seconds is a time of so many; it saturates.
func seconds(s float64) time.Duration {
	if s >= math.MaxInt64/1e9 {
		return math.MaxInt64
	}
	return time.Duration(s * 1e9)
}
