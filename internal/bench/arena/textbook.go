package main

// This file is the limiter that one writes first: what the servers deliver at most, times
// what an answer takes at least, and a little more. It is here to be beaten, and runs
// without a clock.

import (
	"math"
	"time"
)

type textbook struct {
	size     float64
	inFlight int

	begin    time.Duration // of the window
	answers  int
	sum      time.Duration
	full     bool // somebody was refused
	rates    [5]float64
	at       int
	baseline time.Duration // what an answer takes without a queue
	probed   time.Duration
	draining int // windows left
	back     float64
}

func newTextbook() Core { return &textbook{size: 20} }

func (s *textbook) Limit() int { return int(s.size) }

func (s *textbook) Acquire(time.Duration) bool {
	if s.inFlight >= int(s.size) {
		s.full = true
		return false
	}
	s.inFlight++
	return true
}

func (s *textbook) Release(now, start time.Duration, outcome Outcome) {
	s.inFlight--
	if outcome != OK {
		return
	}
	s.answers++
	s.sum += now - start
	if span := now - s.begin; span >= min(max(6*s.baseline, 100*ms), sec) && s.answers >= 20 {
		s.close(now, float64(s.answers)/span.Seconds(), s.sum/time.Duration(s.answers))
	}
}

// close ends a window.
func (s *textbook) close(now time.Duration, rate float64, took time.Duration) {
	full := s.full
	s.begin, s.answers, s.sum, s.full = now, 0, 0, false
	switch {
	case s.draining > 0:
		if s.draining--; s.draining == 0 {
			s.baseline, s.size, s.probed = took, s.back, now
		}
		return
	case !full:
		s.baseline = took
		s.size = max(s.size, 2*rate*took.Seconds()+10)
		return
	case s.baseline == 0 || took < s.baseline:
		s.baseline = took
	}
	s.rates[s.at%len(s.rates)] = rate
	s.at++
	most := 0.0
	for _, r := range s.rates {
		most = max(most, r)
	}
	product := most * s.baseline.Seconds()
	if took < s.baseline*115/100 {
		s.size *= 1.25
	} else {
		s.size = 1.25*product + math.Sqrt(product)
	}
	s.size = max(s.size, 2)
	if now-s.probed > 5*sec {
		s.back, s.size, s.draining = s.size, max(.6*product, 1), 2
	}
}
