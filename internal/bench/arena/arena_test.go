package main

// This file holds the simulation to queueing theory, and the judging to its word. Its
// package is the program's own, as nobody can import that.

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// erlangC is the probability that a request waits at c workers with a load of a.
func erlangC(c int, a float64) float64 {
	b := 1.0 // Erlang's loss formula, by its recurrence
	for i := 1; i <= c; i++ {
		b = a * b / (float64(i) + a*b)
	}
	rho := a / float64(c)
	return b / (1 - rho*(1-b))
}

// observed wraps a limiter to see what passes through it.
type observed struct {
	Core
	last     time.Duration
	inFlight int
	area     float64 // of what is in flight over time
	starts   int
	sum      time.Duration
}

func (o *observed) advance(now time.Duration) {
	o.area += float64(o.inFlight) * (now - o.last).Seconds()
	o.last = now
}

func (o *observed) Acquire(now time.Duration) bool {
	o.advance(now)
	if !o.Core.Acquire(now) {
		return false
	}
	o.inFlight++
	o.starts++
	return true
}

func (o *observed) Release(now, start time.Duration, outcome Outcome) {
	o.advance(now)
	o.inFlight--
	o.sum += now - start
	o.Core.Release(now, start, outcome)
}

func TestTheServerWaitsAsErlangSays(t *testing.T) {
	for _, c := range []struct {
		workers int
		rate    float64
	}{{1, 50}, {4, 300}, {40, 3600}} {
		s := &scenario{
			mean: 10 * ms, law: exponential, goal: []time.Duration{sec},
			phases: []phase{{lasts: 2000 * sec, rate: c.rate, workers: c.workers}},
		}
		requests := trace(s, 7)
		var work time.Duration
		for _, r := range requests {
			work += r.work
		}
		o := &observed{Core: &fixed{size: none}}
		play(s, requests, nil, nil, func() gate { return coreGate{o} })

		load := c.rate * .01
		pWait := erlangC(c.workers, load)
		wait := pWait * .01 / (float64(c.workers) - load) // seconds
		n := float64(len(requests))
		require.InEpsilon(t, c.rate*2000, n, .01)
		require.InEpsilon(t, .01, work.Seconds()/n, .01)
		require.InEpsilon(t, wait, (o.sum-work).Seconds()/n, .06, "mean wait with %d workers", c.workers)
		// Little: what is in flight is the rate times the time that each one is there.
		require.InEpsilon(t, n/2000*o.sum.Seconds()/n, o.area/2000, .001)
		require.Equal(t, len(requests), o.starts)
	}
}

func TestRefusalsAreThoseOfErlangsLossFormula(t *testing.T) {
	s := &scenario{
		mean: 10 * ms, law: lognormal, goal: []time.Duration{sec},
		phases: []phase{{lasts: 500 * sec, after: sec, rate: 800, workers: 10}},
	}
	b := 1.0
	for i := 1; i <= 10; i++ {
		b = 8 * b / (float64(i) + 8*b)
	}
	got := play(s, trace(s, 3), nil, nil, fixedGate(10))
	require.InEpsilon(t, b, got[0].settled.refusals(), .03) // whatever the law of service is
	require.False(t, math.IsNaN(b))
}
