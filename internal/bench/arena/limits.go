package main

// This file is what the arena can judge: a limiter without a clock, and what the
// simulation sees of any limiter.

import (
	"math"
	"slices"
	"time"

	"github.com/belay-go/belay/limiter"
)

// An Outcome is what became of a request that a limiter let through.
type Outcome int

const (
	OK      Outcome = iota // answered
	Dropped                // not answered, for want of capacity: a refusal or a timeout further on
	Ignored                // ended in a way that says nothing about capacity
)

// A Core is a limiter without a clock: what an arena can run on time of its own.
// It is called by one goroutine, with a time that never goes back.
type Core interface {
	// Acquire reports whether a request may start now.
	Acquire(now time.Duration) bool
	// Release ends a request that Acquire has let through at start.
	Release(now, start time.Duration, outcome Outcome)
	// Limit is how many requests may be in flight.
	Limit() int
}

// gate is a limiter as the simulation calls it. A slot is the number of a request
// while it lives; no two requests in flight share one.
type gate interface {
	acquire(now time.Duration, slot int) bool
	release(now, start time.Duration, slot int, outcome Outcome)
	limit() int
}

// entrant is one line of the table. Exactly one of its funcs is set.
type entrant struct {
	name    string
	about   string
	asked   bool                          // only there if it is asked for by name
	core    func() Core                   // runs on the arena's own time
	clocked func(goal time.Duration) gate // reads the clock itself, so it needs a bubble
}

// gates returns a func that makes the limiter as the simulation calls it. The goal
// is that of a scenario's most patient requests; few want to know it.
func (e entrant) gates(s *scenario) func() gate {
	if e.core == nil {
		return func() gate { return e.clocked(slices.Max(s.goal)) }
	}
	return func() gate { return coreGate{e.core()} }
}

type coreGate struct{ core Core }

func (g coreGate) acquire(now time.Duration, _ int) bool { return g.core.Acquire(now) }
func (g coreGate) limit() int                            { return g.core.Limit() }
func (g coreGate) release(now, start time.Duration, _ int, outcome Outcome) {
	g.core.Release(now, start, outcome)
}

// limiterGate is any of belay's limiters, asked without waiting: what waits in front of
// it would be a second queue, and it is the limit that is judged here.
type limiterGate struct {
	l       limiter.Limiter
	size    func() int
	permits []limiter.Permit // by slot
}

func (g *limiterGate) acquire(_ time.Duration, slot int) bool {
	p, err := g.l.TryTake(1)
	if err != nil {
		return false
	}
	for len(g.permits) <= slot {
		g.permits = append(g.permits, limiter.Permit{})
	}
	g.permits[slot] = p
	return true
}

func (g *limiterGate) limit() int { return g.size() }

func (g *limiterGate) release(_, _ time.Duration, slot int, outcome Outcome) {
	switch p := g.permits[slot]; outcome {
	case Dropped:
		p.Drop()
	case Ignored:
		p.Ignore()
	default:
		p.Release()
	}
}

// fixed is a limit that somebody has guessed.
type fixed struct{ size, inFlight int }

// none is the size of a limit that refuses nothing.
const none = math.MaxInt32

func (f *fixed) Acquire(time.Duration) bool {
	if f.inFlight >= f.size {
		return false
	}
	f.inFlight++
	return true
}

func (f *fixed) Release(_, _ time.Duration, _ Outcome) { f.inFlight-- }
func (f *fixed) Limit() int                            { return f.size }

func fixedGate(size int) func() gate {
	return func() gate { return coreGate{&fixed{size: size}} }
}
