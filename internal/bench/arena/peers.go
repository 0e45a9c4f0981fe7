package main

// This file is the limiters that ours is compared with. They are used as their docs
// say and read the clock themselves.

import (
	"time"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/go-kratos/aegis/ratelimit"
	"github.com/go-kratos/aegis/ratelimit/bbr"
)

func entrants() []entrant {
	return []entrant{
		ours,
		oursWithGoal,
		{
			name:  "failsafe",
			about: "failsafe-go 0.9.8 adaptivelimiter, its defaults but for a limit of 1000 at most",
			clocked: func(time.Duration) gate {
				return &failsafeGate{l: adaptivelimiter.NewBuilder[any]().WithLimits(1, 1000, 20).Build()}
			},
		},
		{
			name:  "failsafe 100ms",
			about: "the same with recent windows of 100 ms to 1 s",
			clocked: func(time.Duration) gate {
				return &failsafeGate{l: adaptivelimiter.NewBuilder[any]().WithLimits(1, 1000, 20).
					WithRecentWindow(100*time.Millisecond, time.Second, 50).Build()}
			},
		},
		{
			name:  "aegis bbr",
			about: "aegis 0.2.0, at a CPU threshold of 0: it is made to act above 80 %, which virtual time has not",
			clocked: func(time.Duration) gate {
				return &bbrGate{l: bbr.NewLimiter(bbr.WithCPUThreshold(0))}
			},
		},
		{name: "textbook", about: "what is delivered, times what an answer takes without a queue, and a little more", core: newTextbook},
		{name: "trials", about: "more and less in turns, and to where it pays; no model of a queue", core: newTrials},
		{name: "fixed 50", about: "what somebody may guess", core: func() Core { return &fixed{size: 50} }},
		{name: "none", about: "no limit", core: func() Core { return &fixed{size: none} }},
	}
}

type failsafeGate struct {
	l       adaptivelimiter.AdaptiveLimiter[any]
	permits []adaptivelimiter.Permit // by slot
}

func (g *failsafeGate) acquire(_ time.Duration, slot int) bool {
	p, ok := g.l.TryAcquirePermit()
	if !ok {
		return false
	}
	for len(g.permits) <= slot {
		g.permits = append(g.permits, nil)
	}
	g.permits[slot] = p
	return true
}

func (g *failsafeGate) release(_, _ time.Duration, slot int, outcome Outcome) {
	if outcome == OK {
		g.permits[slot].Record()
		return
	}
	g.permits[slot].Drop()
}

func (g *failsafeGate) limit() int { return g.l.Limit() }

type bbrGate struct {
	l    *bbr.BBR
	done []ratelimit.DoneFunc // by slot
}

func (g *bbrGate) acquire(_ time.Duration, slot int) bool {
	done, err := g.l.Allow()
	if err != nil {
		return false
	}
	for len(g.done) <= slot {
		g.done = append(g.done, nil)
	}
	g.done[slot] = done
	return true
}

func (g *bbrGate) release(_, _ time.Duration, slot int, _ Outcome) {
	g.done[slot](ratelimit.DoneInfo{})
}

func (g *bbrGate) limit() int { return int(g.l.Stat().MaxInFlight) }
