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
	return unbounded * l.base.value() // no goal: what overload costs is bounded all the same
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
	p := min(idleMost, idle*math.Sqrt(max(1, knee)))
	s := 1 - max(l.share, .001)
	s = max(s, .001)
	k := math.Log((1-s+p*s)/p) / -math.Log(s)
	return max(1, min(k, l.rate*(standing*l.longest()-l.base.value())))
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
	return max(shortest, seconds(edges*max(l.mean, l.base.value())))
}

// ripe reports whether the window that is now so long, with so many done and
// limited, is to be judged, and whether a window begins anew. inFlight is what is in
// flight now.
func (l *law) ripe(now, span time.Duration, inFlight, done, limited float64) (ripe, anew bool) {
	if l.phase == probing && !l.settled {
		return false, l.settle(now, inFlight)
	}
	need := min(enough, max(few, rounds*l.limit))
	if l.phase == probing {
		need = probed
	}
	r := seconds(hopeless * max(l.mean, l.base.value()))
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

// stoodStill reports whether it was the process, or the machine, that stood still
// in the gap between two looks, so that its window says nothing: the gap is many
// times as long as one takes, and something was in flight in most of it. A server
// that hangs may look like that, too, if hardly anybody is turned away meanwhile;
// what it has left behind is in the next window.
func (l *law) stoodStill(gap time.Duration, area float64) bool {
	r := max(l.mean, l.base.value())
	return r > 0 && gap > l.due()+max(patient, seconds(hopeless*r)) && area > gap.Seconds()/2
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
	l.set(max(math.Sqrt(l.knee()), shrink*l.limit))
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
