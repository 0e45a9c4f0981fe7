package main

// This file records what a limiter does over time, to draw it.

import "time"

const points = 800 // of a drawing, from left to right

// series is the limit and what is in flight, over time. A nil one records nothing.
type series struct {
	step     time.Duration
	Limit    []float64 // as it was
	Behind   []float64 // that of the second limiter, if there is one
	InFlight []float64 // on average
	inFlight int
	area     float64
	last     time.Duration
}

func newSeries(s *scenario) *series { return &series{step: s.lasts() / points} }

func (s *series) in(n int) {
	if s != nil {
		s.inFlight += n
	}
}

// note records what has been until now.
func (s *series) note(m *sim, now time.Duration) {
	if s == nil {
		return
	}
	for end := s.step * time.Duration(len(s.Limit)+1); end <= now && len(s.Limit) < points; end += s.step {
		s.area += float64(s.inFlight) * float64(end-s.last)
		s.InFlight = append(s.InFlight, s.area/float64(s.step))
		s.Limit = append(s.Limit, float64(m.gates[0].limit()))
		if len(m.gates) > 1 {
			s.Behind = append(s.Behind, float64(m.gates[1].limit()))
		}
		s.area, s.last = 0, end
	}
	s.area += float64(s.inFlight) * float64(now-s.last)
	s.last = now
}
