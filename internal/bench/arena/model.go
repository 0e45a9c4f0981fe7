package main

// This file is what a scenario consists of.

import (
	"math"
	"math/rand/v2"
	"time"
)

// A law is how long requests take. Its times have a mean of one.
type law struct {
	name string
	draw func(r *rand.Rand) (work float64, class int)
}

var (
	lognormal   = law{"lognormal", func(r *rand.Rand) (float64, int) { return lognormalOf(r, .53), 0 }}
	exponential = law{"exponential", func(r *rand.Rand) (float64, int) { return r.ExpFloat64(), 0 }}
	bimodal     = mixed("bimodal", .1, 10)
	steady      = law{"steady", func(r *rand.Rand) (float64, int) { return lognormalOf(r, .1), 0 }}
)

// lognormalOf draws from a lognormal law of mean one with a coefficient of variation.
func lognormalOf(r *rand.Rand, cv float64) float64 {
	s := math.Sqrt(math.Log(1 + cv*cv))
	return math.Exp(s*r.NormFloat64() - s*s/2)
}

// mixed is the law of a share of requests that take so many times as long as the
// others. They are class 1.
func mixed(name string, share, times float64) law {
	short := 1 / (1 - share + share*times)
	return law{name, func(r *rand.Rand) (float64, int) {
		if r.Float64() < share {
			return short * times, 1
		}
		return short, 0
	}}
}

// shortAndLong is as mixed, but all of a class are as short or long whatever the
// share of the others is: its mean changes with it.
func shortAndLong(share, short, long, cv float64) law {
	return law{"short and long", func(r *rand.Rand) (float64, int) {
		if r.Float64() < share {
			return long * lognormalOf(r, cv), 1
		}
		return short * lognormalOf(r, cv), 0
	}}
}

// A phase is a time in which servers and clients stay what they are.
type phase struct {
	name  string
	lasts time.Duration
	after time.Duration // it is settled; what is judged begins here

	rate    float64       // requests a second
	to      float64       // rate at the end, if it grows or falls steadily; 0: the same
	batch   int           // requests that come at once; 0: one
	cycle   time.Duration // of which the first half has quiet, the other all of the rest; 0: none
	quiet   float64       // share of requests in the first half of a cycle
	law     law           // no draw: that of the scenario
	workers int
	slow    float64 // how many times as long everything takes; 0: once
	behind  int     // workers of the second server, if there is one

	fails   bool // every request fails, in failure
	outcome Outcome

	light  bool // the load is below 80 % of the capacity: nothing may be refused
	unruly bool // nothing of it is judged
}

const failure = time.Millisecond

// A scenario is a server, or two in a row, and what happens to it.
type scenario struct {
	name  string
	about string

	mean time.Duration // of the law's times
	law  law
	goal []time.Duration // latency within which an answer is worth something, by class; the last is that of all further classes
	bar  float64         // share of the oracle's goodput that is asked for, settled

	knee    int           // all share the server's speed; more than knee at once slow it down
	jam     float64       // by how much, for each knee of them
	delay   time.Duration // that each request spends elsewhere, in any number
	pause   time.Duration // in which nothing moves
	every   time.Duration // from one pause to the next
	front   float64       // share of a request's work at a first server, with a limiter of its own; 0: no such server
	retries int           // how often a client that was refused tries again
	phases  []phase
}

func (s *scenario) goalOf(class int) time.Duration { return s.goal[min(class, len(s.goal)-1)] }

func (s *scenario) lasts() (d time.Duration) {
	for i := range s.phases {
		d += s.phases[i].lasts
	}
	return d
}

// seeds is how many times as many seeds a scenario takes as a big one: where few come,
// their luck would pass for a limiter's skill.
func (s *scenario) seeds() int {
	requests := 0.0
	for i := range s.phases {
		p := &s.phases[i]
		rate := p.rate
		if p.to != 0 {
			rate = (p.rate + p.to) / 2
		}
		requests += rate * p.lasts.Seconds()
	}
	return int(min(max(300_000/requests, 1), 5))
}

// widest is a limit that no server here can use in time, so that a sweep may end there.
func (s *scenario) widest() int {
	most := 0.0
	for i := range s.phases {
		p := &s.phases[i]
		capacity := min(p.capacity(s), max(p.rate, p.to)) // a second
		goal := s.goal[0].Seconds()
		for _, g := range s.goal {
			goal = max(goal, g.Seconds())
		}
		most = max(most, capacity*goal, float64(4*p.batch))
	}
	return int(1.5*most) + 8
}

// capacity is how many requests a second the phase's servers can answer, by and large.
func (p *phase) capacity(s *scenario) float64 {
	workers := p.workers
	if s.knee > 0 {
		workers = s.knee
	}
	if s.front > 0 {
		workers = p.behind
	}
	c := float64(workers) / s.mean.Seconds() / p.slowness()
	if s.front > 0 {
		c = min(c, float64(p.workers)/(s.mean.Seconds()*s.front)/p.slowness())
	}
	return c
}

func (p *phase) slowness() float64 {
	if p.slow == 0 {
		return 1
	}
	return p.slow
}
