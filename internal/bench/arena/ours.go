package main

// This file says which limiter is ours. It is the only one to change for another: one
// that has no clock is plugged in as a Core, by the field core.

import (
	"time"

	"github.com/belay-go/belay/limiter/adaptive"
)

var ours = entrant{
	name:    "adaptive",
	about:   "limiter/adaptive without any setting; nobody waits in front of it",
	clocked: func(time.Duration) gate { return oursGate(adaptive.Options{}) },
}

var oursWithGoal = entrant{
	name:    "adaptive, goal",
	about:   "the same, which knows the latency goal",
	asked:   true,
	clocked: func(goal time.Duration) gate { return oursGate(adaptive.Options{Goal: goal}) },
}

func oursGate(o adaptive.Options) gate {
	l := adaptive.New(o)
	return &limiterGate{l: l, size: func() int { return int(l.Stats().Limit) }}
}
