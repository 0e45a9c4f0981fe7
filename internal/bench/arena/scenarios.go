package main

// This file is the scenarios: the phases of the plain server under several laws of
// service, and servers and clients that are unlike it.

import (
	"fmt"
	"time"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

func scenarios() []*scenario {
	var all []*scenario
	for _, l := range []law{lognormal, exponential, bimodal} {
		all = append(all, plain(l.name, l, 1, .95))
	}
	for _, l := range []law{lognormal, exponential, bimodal} {
		all = append(all, plain("small "+l.name, l, 10, .92))
	}
	return append(all, mixes(), bursts(), row(), retries(), lock(), sharing(), faraway(), pauses(), ramp(), rare(), failures(), long(), flaps(), drift())
}

// plain is a server of 40 workers with one queue, or of a part of them.
func plain(name string, l law, part int, bar float64) *scenario {
	r := func(rate float64) float64 { return rate / float64(part) }
	return &scenario{
		name: name, about: "workers with one queue", mean: 10 * ms, law: l, goal: []time.Duration{100 * ms}, bar: bar,
		phases: []phase{
			{name: "A 50%", lasts: 16 * sec, after: 8 * sec, rate: r(2000), workers: 40 / part, light: true},
			{name: "B 2x", lasts: 20 * sec, after: 10 * sec, rate: r(8000), workers: 40 / part},
			{name: "C half", lasts: 20 * sec, after: 10 * sec, rate: r(8000), workers: 20 / part},
			{name: "D back", lasts: 20 * sec, after: 10 * sec, rate: r(8000), workers: 40 / part},
			{name: "E 50%", lasts: 15 * sec, after: 5 * sec, rate: r(2000), workers: 40 / part, light: true},
			{name: "F slow 75%", lasts: 20 * sec, after: 10 * sec, rate: r(3000), workers: 120 / part, slow: 3, light: true},
			{name: "G slow 2x", lasts: 20 * sec, after: 10 * sec, rate: r(8000), workers: 120 / part, slow: 3},
		},
	}
}

func mixes() *scenario {
	few, some := shortAndLong(.02, .5, 25, .3), shortAndLong(.1, .5, 25, .3)
	return &scenario{
		name: "short and long", about: "requests of 5 ms (goal 100 ms) beside those of 250 ms (goal 1 s); from 2 % of these to 10 %",
		mean: 10 * ms, law: few, goal: []time.Duration{100 * ms, sec}, bar: .95,
		phases: []phase{
			{name: "2% 50%", lasts: 16 * sec, after: 8 * sec, rate: 2000, workers: 40, light: true},
			{name: "2% 2x", lasts: 20 * sec, after: 10 * sec, rate: 8000, workers: 40},
			{name: "10% 2x", lasts: 20 * sec, after: 10 * sec, rate: 2700, workers: 40, law: some},
			{name: "10% 60%", lasts: 15 * sec, after: 5 * sec, rate: 810, workers: 40, law: some, light: true},
		},
	}
}

func bursts() *scenario {
	return &scenario{
		name: "bursts", about: "requests that come by the dozen; then a load that is there every other second",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{100 * ms}, bar: .95,
		phases: []phase{
			{name: "12 at once 50%", lasts: 16 * sec, after: 8 * sec, rate: 2000, batch: 12, workers: 40, light: true},
			{name: "60 at once 60%", lasts: 20 * sec, after: 10 * sec, rate: 2400, batch: 60, workers: 40, light: true},
			{name: "60 at once 2x", lasts: 20 * sec, after: 10 * sec, rate: 8000, batch: 60, workers: 40},
			{name: "on and off 1x", lasts: 30 * sec, after: 10 * sec, rate: 4000, cycle: 2 * sec, quiet: .1, workers: 40},
			{name: "short on and off", lasts: 20 * sec, after: 10 * sec, rate: 4000, cycle: 300 * ms, quiet: .1, workers: 40},
			{name: "50%", lasts: 15 * sec, after: 5 * sec, rate: 2000, workers: 40, light: true},
		},
	}
}

func row() *scenario {
	return &scenario{
		name: "two in a row", about: "2 ms at a server that calls another for 10 ms, each behind a limiter; then the first is the bottleneck",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{100 * ms}, bar: .95, front: .2,
		phases: []phase{
			{name: "50%", lasts: 16 * sec, after: 8 * sec, rate: 2000, workers: 20, behind: 40, light: true},
			{name: "second 2x", lasts: 20 * sec, after: 10 * sec, rate: 8000, workers: 20, behind: 40},
			{name: "first 2x", lasts: 20 * sec, after: 10 * sec, rate: 4000, workers: 4, behind: 40},
			{name: "50%", lasts: 15 * sec, after: 5 * sec, rate: 2000, workers: 20, behind: 40, light: true},
		},
	}
}

func retries() *scenario {
	return &scenario{
		name: "retries", about: "clients that try up to three times more, after 50, 100, 200 ms",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{100 * ms}, bar: .95, retries: 3,
		phases: []phase{
			{name: "50%", lasts: 16 * sec, after: 8 * sec, rate: 2000, workers: 40, light: true},
			{name: "1.5x", lasts: 20 * sec, after: 10 * sec, rate: 6000, workers: 40},
			{name: "half 90%", lasts: 20 * sec, after: 10 * sec, rate: 1800, workers: 20},
			{name: "2x", lasts: 20 * sec, after: 10 * sec, rate: 8000, workers: 40},
			{name: "70%", lasts: 15 * sec, after: 5 * sec, rate: 2800, workers: 40, light: true},
		},
	}
}

func lock() *scenario {
	return &scenario{
		name: "lock", about: "a server that gets less done the more it has at once, beyond 20",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{100 * ms}, bar: .95, knee: 20, jam: .5,
		phases: []phase{
			{name: "50%", lasts: 16 * sec, after: 8 * sec, rate: 1000, light: true},
			{name: "1.5x", lasts: 20 * sec, after: 10 * sec, rate: 3000},
			{name: "4x", lasts: 20 * sec, after: 10 * sec, rate: 8000},
			{name: "50%", lasts: 15 * sec, after: 5 * sec, rate: 1000, light: true},
		},
	}
}

func sharing() *scenario {
	return &scenario{
		name: "sharing", about: "a server that does all at once: 16 at full speed, more share it; then each takes 2.5 times as long",
		mean: 5 * ms, law: exponential, goal: []time.Duration{100 * ms}, bar: .95, knee: 16,
		phases: []phase{
			{name: "60%", lasts: 16 * sec, after: 8 * sec, rate: 1920, light: true},
			{name: "1.5x", lasts: 20 * sec, after: 10 * sec, rate: 4800},
			{name: "slow 60%", lasts: 20 * sec, after: 10 * sec, rate: 768, slow: 2.5, light: true},
			{name: "slow 3x", lasts: 20 * sec, after: 10 * sec, rate: 3840, slow: 2.5},
		},
	}
}

func faraway() *scenario {
	return &scenario{
		name: "far away", about: "10 ms of work and 200 ms of waiting for somebody else; goal 500 ms",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{500 * ms}, bar: .95, delay: 200 * ms,
		phases: []phase{
			{name: "50%", lasts: 20 * sec, after: 10 * sec, rate: 1000, workers: 20, light: true},
			{name: "2x", lasts: 30 * sec, after: 15 * sec, rate: 4000, workers: 20},
			{name: "half 2x", lasts: 30 * sec, after: 15 * sec, rate: 2000, workers: 10},
			{name: "75%", lasts: 20 * sec, after: 10 * sec, rate: 1500, workers: 20, light: true},
		},
	}
}

func pauses() *scenario {
	return &scenario{
		name: "pauses", about: "nothing moves for 75 ms every 2 s",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{150 * ms}, bar: .95, pause: 75 * ms, every: 2 * sec,
		phases: []phase{
			{name: "50%", lasts: 20 * sec, after: 10 * sec, rate: 2000, workers: 40},
			{name: "2x", lasts: 30 * sec, after: 10 * sec, rate: 8000, workers: 40},
			{name: "75%", lasts: 20 * sec, after: 10 * sec, rate: 3000, workers: 40},
		},
	}
}

func ramp() *scenario {
	return &scenario{
		name: "ramp", about: "a load that grows from 10 % to 3x in a minute, and falls again",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{100 * ms}, bar: .95,
		phases: []phase{
			{name: "10-75%", lasts: 14 * sec, after: sec, rate: 400, to: 3000, workers: 40, light: true},
			{name: "75%-3x", lasts: 46 * sec, after: 5 * sec, rate: 3000, to: 12000, workers: 40},
			{name: "3x-75%", lasts: 23 * sec, after: sec, rate: 12000, to: 3000, workers: 40},
			{name: "75-10%", lasts: 14 * sec, after: sec, rate: 3000, to: 400, workers: 40, light: true},
		},
	}
}

func rare() *scenario {
	return &scenario{
		name: "rare", about: "5 requests a second for two minutes, then far too many",
		mean: 10 * ms, law: exponential, goal: []time.Duration{100 * ms}, bar: .95,
		phases: []phase{
			{name: "5/s", lasts: 120 * sec, after: sec, rate: 5, workers: 40, light: true},
			{name: "2x", lasts: 20 * sec, after: 10 * sec, rate: 8000, workers: 40},
			{name: "5/s", lasts: 120 * sec, after: 5 * sec, rate: 5, workers: 40, light: true},
			{name: "60%", lasts: 20 * sec, after: 5 * sec, rate: 2400, workers: 40, light: true},
		},
	}
}

func failures() *scenario {
	return &scenario{
		name: "errors", about: "all fail within 1 ms for 10 s, in a way that says nothing; then as if for want of capacity",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{100 * ms}, bar: .95,
		phases: []phase{
			{name: "2x", lasts: 20 * sec, after: 10 * sec, rate: 8000, workers: 40},
			{name: "ignored", lasts: 10 * sec, rate: 8000, workers: 40, fails: true, outcome: Ignored, unruly: true},
			{name: "2x", lasts: 15 * sec, after: 5 * sec, rate: 8000, workers: 40},
			{name: "60%", lasts: 10 * sec, after: 5 * sec, rate: 2400, workers: 40, light: true},
			{name: "dropped", lasts: 10 * sec, rate: 2400, workers: 40, fails: true, outcome: Dropped, unruly: true},
			{name: "60%", lasts: 15 * sec, after: 5 * sec, rate: 2400, workers: 40, light: true},
			{name: "dropped", lasts: 10 * sec, rate: 8000, workers: 40, fails: true, outcome: Dropped, unruly: true},
			{name: "2x", lasts: 15 * sec, after: 5 * sec, rate: 8000, workers: 40},
		},
	}
}

func long() *scenario {
	return &scenario{
		name: "long", about: "an overload that lasts for five minutes, at a server of 10",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{100 * ms}, bar: .95,
		phases: []phase{
			{name: "50%", lasts: 20 * sec, after: 10 * sec, rate: 500, workers: 10, light: true},
			{name: "3x, 1st half", lasts: 150 * sec, after: 10 * sec, rate: 3000, workers: 10},
			{name: "3x, 2nd half", lasts: 150 * sec, after: 10 * sec, rate: 3000, workers: 10},
			{name: "70%", lasts: 20 * sec, after: 10 * sec, rate: 700, workers: 10, light: true},
		},
	}
}

func flaps() *scenario {
	s := &scenario{
		name: "flaps", about: "a server that loses half of its workers every 3 s, for 3 s",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{100 * ms}, bar: .95,
		phases: []phase{{name: "1.5x", lasts: 12 * sec, after: 6 * sec, rate: 6000, workers: 40}},
	}
	for range 3 {
		s.phases = append(s.phases,
			phase{name: "half", lasts: 3 * sec, after: sec, rate: 6000, workers: 20},
			phase{name: "whole", lasts: 3 * sec, after: sec, rate: 6000, workers: 40})
	}
	return s
}

func drift() *scenario {
	s := &scenario{
		name: "drift", about: "everything takes 6 % longer every 3 s, and three times as long in the end",
		mean: 10 * ms, law: lognormal, goal: []time.Duration{100 * ms}, bar: .95,
		phases: []phase{{name: "60%", lasts: 12 * sec, after: 6 * sec, rate: 2400, workers: 40, light: true}},
	}
	for slow := 1.06; slow < 3; slow *= 1.06 {
		p := phase{lasts: 3 * sec, rate: 2400, workers: 40, slow: slow, unruly: true}
		if len(s.phases)%5 == 0 {
			p.name, p.unruly, p.light = fmt.Sprintf("%.0f%%", 60*slow), false, 60*slow < 80
		}
		s.phases = append(s.phases, p)
	}
	return s
}
