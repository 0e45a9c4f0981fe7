package main

// This file makes scenarios up, for limiters that do well in those that their authors know.

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// random makes up a scenario. The same seed makes the same one.
func random(seed uint64) *scenario {
	r := rand.New(rand.NewPCG(seed, 3))
	between := func(lo, hi float64) float64 { return lo * math.Pow(hi/lo, r.Float64()) }
	capacity := between(100, 4000)
	slots := math.Round(between(3, min(150, capacity/20)))
	mean := slots / capacity // in seconds, at most 50 ms
	s := &scenario{
		name: fmt.Sprintf("random %d", seed),
		mean: time.Duration(mean * 1e9),
		law:  []law{lognormal, exponential, bimodal, steady}[r.IntN(4)],
		bar:  .95,
	}
	goal := mean * between(8, 20)
	s.about = fmt.Sprintf("%s, mean %s", s.law.name, short(s.mean))
	if r.IntN(4) == 0 {
		delay := min(mean*between(1, 20), .3)
		goal += delay
		s.delay = seconds(delay)
		s.about += fmt.Sprintf(", and %s elsewhere", short(s.delay))
	}
	if r.IntN(5) == 0 {
		s.pause, s.every = seconds(between(.2, .6)*goal), seconds(between(1, 5))
		s.about += fmt.Sprintf(", pauses of %s", short(s.pause))
	}
	if r.IntN(5) == 0 {
		s.retries = 1 + r.IntN(3)
		s.about += fmt.Sprintf(", %d retries", s.retries)
	}
	switch r.IntN(6) {
	case 0:
		s.knee, s.jam = int(slots), r.Float64()/2
		s.about += fmt.Sprintf(", shared by more than %d, jam %.2f", s.knee, s.jam)
	case 1:
		s.front = between(.1, 1)
		s.about += ", two in a row"
	}
	s.goal = []time.Duration{seconds(goal)}
	s.about += fmt.Sprintf(", goal %s", short(s.goal[0]))
	if slots < 6 {
		s.bar = .92
	}
	for range 4 + r.IntN(3) {
		s.phases = append(s.phases, randomPhase(s, r, int(slots)))
	}
	return s
}

func randomPhase(s *scenario, r *rand.Rand, slots int) phase {
	p := phase{lasts: 20 * sec, after: 10 * sec, workers: slots}
	switch r.IntN(5) {
	case 0:
		p.workers = (slots + 1) / 2
	case 1:
		p.workers = 2 * slots
	case 2:
		p.slow = 1 + 2*r.Float64()
	}
	if s.front > 0 {
		p.behind = p.workers
		p.workers = max(1, int(math.Ceil(float64(slots)*s.front*(.6+r.Float64()))))
	}
	load := .1 + .65*r.Float64()
	if r.IntN(2) == 0 {
		load = 1.1 + 2.5*r.Float64()
	}
	p.rate = load * p.capacity(s)
	p.light = load < .8 && s.every == 0
	// The name is short, as it heads a column: the load and the capacity, how many come
	// at once, and o/o for a load that is on and off.
	p.name = fmt.Sprintf("%.0f%% of %.0f", 100*load, p.capacity(s))
	switch r.IntN(8) {
	case 0:
		p.batch, p.light = 1+r.IntN(slots), false
		p.name += fmt.Sprintf(" by %d", p.batch)
	case 1:
		p.cycle, p.quiet, p.light = seconds(.2+3*r.Float64()), .2, false
		p.name += " o/o"
	}
	return p
}
