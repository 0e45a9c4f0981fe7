package main

// This file is a limiter that believes in nothing: it has no model of a queue or of a
// server. It tries a little more and a little less in turns and goes where that pays, as
// PCC Vivace does with rates (Dong et al., NSDI 2018).
//
// What pays: a limit of L with X answers a second is worth log X - price*log(L/X), as
// L/X is what an answer takes. Its slope is above zero where 1 % more in flight brings
// more than price/(1+price) % more answers, whatever that is in seconds. So no time
// without a queue has to be known.

import (
	"math"
	"time"
)

const (
	worth   = .15 // what an additional 1 % in flight has to bring, in %
	unsure  = .7  // a count of n has an error of unsure*sqrt(n): servers count more evenly than chance
	boldest = 1.5 // factor of a first step
	finest  = 1.1 // of the last
	turns   = 6   // pairs of windows until chance may decide
)

type trials struct {
	size     float64
	inFlight int

	begin   time.Duration // of the window, once it is warm
	warm    time.Duration // those of another limit are gone
	took    float64       // seconds, an answer of the last window
	answers int
	sum     time.Duration
	arrived int
	refused int

	calm      int     // windows in a row in which hardly anybody was refused
	limited   bool    // trials are on
	limit     float64 // between those that are tried
	step      float64 // factor up or down
	up        bool    // the last move
	pair      int     // windows tried since
	high, low level

	seen level // in flight and answers at which the limit is far away
}

// level is what came of a limit.
type level struct{ answers, seconds, area float64 }

func newTrials() Core { return &trials{size: 20} }

func (s *trials) Limit() int { return int(s.size) }

func (s *trials) Acquire(time.Duration) bool {
	s.arrived++
	if s.inFlight >= int(s.size) {
		s.refused++
		return false
	}
	s.inFlight++
	return true
}

func (s *trials) Release(now, start time.Duration, outcome Outcome) {
	s.inFlight--
	if outcome == Dropped && s.limited {
		s.warm = now // of no use to a trial
	}
	if now < s.warm {
		return
	}
	if s.begin < s.warm {
		s.anew(s.warm)
	}
	if outcome != OK {
		return
	}
	s.answers++
	s.sum += now - start
	span := (now - s.begin).Seconds()
	need := 100
	if span > .25 {
		need = 20
	}
	if s.answers >= need && span >= max(.01, 3*s.took) {
		s.close(now, span)
	}
}

func (s *trials) anew(now time.Duration) {
	s.begin, s.answers, s.sum, s.arrived, s.refused = now, 0, 0, 0, 0
}

// close ends a window.
func (s *trials) close(now time.Duration, span float64) {
	s.took = s.sum.Seconds() / float64(s.answers)
	w := level{float64(s.answers), span, s.sum.Seconds()}
	if 100*s.refused <= s.arrived {
		s.calm++
	} else {
		s.calm = 0
	}
	s.anew(now)
	switch {
	case s.calm > 4 || s.calm > 0 && !s.limited:
		s.free(w)
	case !s.limited:
		s.limited, s.step, s.limit = true, boldest, s.size
		s.turn(now)
	default:
		s.tried(now, w)
	}
}

// free keeps the limit far away: four times what is in flight, as long as that grows
// because more is answered. If not it stays, and is met when a queue has filled it.
func (s *trials) free(w level) {
	if s.limited || s.seen.seconds == 0 || w.area/w.seconds < s.seen.area/s.seen.seconds {
		s.seen = w
	}
	s.limited = false
	more := math.Log(w.area / w.seconds / (s.seen.area / s.seen.seconds))
	gain := math.Log(w.answers / w.seconds / (s.seen.answers / s.seen.seconds))
	if gain > more/2 {
		s.seen = w
	}
	s.size = max(20, .98*s.size, 4*s.seen.area/s.seen.seconds)
}

// turn sets the limit of the next window: more, less, less, more.
func (s *trials) turn(now time.Duration) {
	was := s.size
	if s.pair%4 == 0 || s.pair%4 == 3 {
		s.size = max(math.Ceil(s.limit*s.step), math.Floor(s.limit)+1)
	} else {
		s.size = max(1, min(math.Floor(s.limit/s.step), math.Ceil(s.limit)-1))
	}
	if s.size != was {
		s.warm = now + time.Duration(s.took*max(1, was/s.size)*1e9)
	}
}

// tried judges the trials so far.
func (s *trials) tried(now time.Duration, w level) {
	of := &s.low
	if s.size > s.limit {
		of = &s.high
	}
	of.answers += w.answers
	of.seconds += w.seconds
	of.area += w.area
	if s.pair++; s.pair%2 == 1 {
		s.turn(now)
		return
	}
	more := math.Log(s.high.area / s.high.seconds / (s.low.area / s.low.seconds))
	gain := math.Log(s.high.answers / s.high.seconds / (s.low.answers / s.low.seconds))
	chance := unsure * math.Sqrt(1/s.high.answers+1/s.low.answers)
	pays := gain - worth*max(more, .01)
	if math.Abs(pays) < chance && s.pair < 2*turns {
		s.turn(now)
		return
	}
	s.move(now, pays > 0)
}

func (s *trials) move(now time.Duration, up bool) {
	if up {
		s.limit *= s.step
	} else {
		s.limit = max(1, s.limit/s.step)
	}
	if up == s.up {
		s.step = min(boldest, s.step*s.step)
	} else {
		s.step = max(finest, math.Sqrt(s.step))
	}
	s.up, s.pair, s.high, s.low = up, 0, level{}, level{}
	s.turn(now)
}
