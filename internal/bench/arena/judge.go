package main

// This file compares what came of a limiter's runs with what the oracle would have got.

import "fmt"

// The bars, beside a scenario's own for goodput when it is settled.
const (
	slowest    = 1.3   // p99 as a multiple of the oracle's
	soonest    = .9    // goodput in the first seconds after a step, as a share of the oracle's
	refusedBar = .0005 // what prints as more than 0.0 %
)

// A verdict is on one limiter in one scenario.
type verdict struct {
	Limiter string
	Phases  []phaseVerdict
	drawn   *series
}

// phaseVerdict is on one phase. Goodput, First and P99 are in terms of the oracle's.
type phaseVerdict struct {
	Phase   string
	Judged  bool // the phase is there to be judged
	Light   bool
	Goodput float64
	P99     float64
	First   float64
	Refused float64 // share, settled
	Refusal float64 // share, in the whole phase
	Misses  []string
}

func judge(s *scenario, o oracle, name string, t tally) verdict {
	v := verdict{Limiter: name}
	for i := range s.phases {
		v.Phases = append(v.Phases, judgePhase(s, i, o[i], &t[i]))
	}
	return v
}

func judgePhase(s *scenario, i int, b best, c *count) phaseVerdict {
	p := &s.phases[i]
	v := phaseVerdict{
		Phase: p.name, Light: p.light, Judged: !p.unruly && b.good > 0,
		Goodput: share(c.settled.good, b.good),
		First:   share(c.first.good, b.first),
		Refused: c.settled.refusals(), Refusal: c.whole.refusals(),
	}
	if ref := b.counts.settled.late.quantile(.99); ref > 0 {
		v.P99 = float64(c.settled.late.quantile(.99)) / float64(ref)
	}
	if !v.Judged {
		return v
	}
	miss := func(missed bool, format string, args ...any) {
		if missed {
			v.Misses = append(v.Misses, fmt.Sprintf(format, args...))
		}
	}
	miss(v.Goodput < s.bar, "goodput %.1f %% of the oracle's", 100*v.Goodput)
	miss(v.P99 > slowest, "p99 %.2f times the oracle's", v.P99)
	miss(v.First < soonest, "first 5 s %.1f %% of the oracle's", 100*v.First)
	miss(p.light && v.Refused > refusedBar, "refused %.2f %% at light load", 100*v.Refused)
	return v
}
