package main

// This file draws the requests of a scenario once, so that every limiter gets the
// same ones, and what differs in the table is the limiter's doing.

import (
	"math"
	"math/rand/v2"
	"time"
)

// request is that a client asks for something. Work and class are those of one of the
// requests that are let through; see draw.
type request struct {
	at    time.Duration
	work  time.Duration // at the normal speed
	phase uint8
	class uint8
}

func trace(s *scenario, seed uint64) []request {
	gaps, works := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	var all []request
	begin := time.Duration(0)
	for i := range s.phases {
		p := &s.phases[i]
		end := begin + p.lasts
		of := p.law
		if of.draw == nil {
			of = s.law
		}
		// Each phase begins anew: the gap that a phase cuts off has no memory.
		for at := begin + p.gap(gaps, 0); at < end; at += p.gap(gaps, at-begin) {
			for range max(p.batch, 1) {
				work, class := of.draw(works)
				all = append(all, request{
					at: at, work: max(time.Duration(work*float64(s.mean)), 1),
					phase: uint8(i), class: uint8(class),
				})
			}
		}
		begin = end
	}
	return all
}

// gap draws the time until the next arrival, from a time in the phase on.
func (p *phase) gap(r *rand.Rand, in time.Duration) time.Duration {
	rate := p.rate
	if p.to != 0 {
		rate += (p.to - p.rate) * in.Seconds() / p.lasts.Seconds()
	}
	rate /= float64(max(p.batch, 1))
	need := r.ExpFloat64() // in arrivals
	if p.cycle == 0 {
		return seconds(need / rate)
	}
	var wait time.Duration
	for {
		half := p.cycle / 2
		n := (in + wait) / half
		left := (n+1)*half - in - wait
		speed := 2 * rate * (1 - p.quiet)
		if n%2 == 0 {
			speed = 2 * rate * p.quiet
		}
		if d := seconds(need / speed); d < left {
			return wait + d
		}
		need -= speed * left.Seconds()
		wait += left
	}
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s*1e9, math.MaxInt64/4)) + 1
}
