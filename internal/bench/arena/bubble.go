package main

// This file lets limiters that read the clock run on virtual time, unmodified.

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// bubbles starts bubbles. Package synctest does so for tests only, so the program is one.
type bubbles struct {
	t     *testing.T
	grain time.Duration // sleeping is what costs most, so a clock may be late by this
}

// withBubbles calls do, and exits with what it returns.
func withBubbles(do func(b bubbles) (code int)) {
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{
		Name: "arena",
		F:    func(t *testing.T) { os.Exit(do(bubbles{t: t, grain: 100 * time.Microsecond})) },
	}}, nil, nil)
}

// play is [play] in a bubble: one goroutine that sleeps to the next event. It may be
// called by several goroutines.
func (b bubbles) play(s *scenario, requests []request, drawn *series, limiter func() gate) (result tally) {
	b.t.Run(s.name, func(t *testing.T) {
		synctest.Test(t, func(*testing.T) {
			result = play(s, requests, &bubble{time.Sleep, b.grain}, drawn, limiter)
		})
	})
	return result
}

// judged plays a scenario against an entrant, on whichever time it needs.
func (b bubbles) judged(s *scenario, requests []request, drawn *series, e entrant) tally {
	if e.core != nil {
		return play(s, requests, nil, drawn, e.gates(s))
	}
	return b.play(s, requests, drawn, e.gates(s))
}
