package main

// This file prints the verdicts.

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// printed is everything about one scenario that is printed or drawn.
type printed struct {
	scenario *scenario
	oracle   oracle
	verdicts []verdict
}

const (
	nameWidth = 15
	cellWidth = 13
)

func (p *printed) print(w io.Writer) {
	s := p.scenario
	var judged []int // phases
	light := false
	for i := range s.phases {
		if ph := &s.phases[i]; !ph.unruly && p.oracle[i].good > 0 {
			judged = append(judged, i)
			light = light || ph.light
		}
	}
	fmt.Fprintf(w, "\n%s: %s\n", strings.ToUpper(s.name), s.about)
	line(w, "settled", judged, func(i int) string { return s.phases[i].name })
	line(w, "  oracle", judged, func(i int) string {
		b := &p.oracle[i]
		return fmt.Sprintf("at %s, %s", limitText(b.limit), short(b.counts.settled.late.quantile(.99)))
	})
	p.rows(w, judged, func(v *phaseVerdict) string {
		return mark(fmt.Sprintf("%.0f", floor(100*v.Goodput)), v.Goodput < s.bar) + " " +
			mark(fmt.Sprintf("[%.2f]", v.P99), v.P99 > slowest)
	})
	fmt.Fprintln(w, "first 5 s")
	p.rows(w, judged, func(v *phaseVerdict) string { return mark(fmt.Sprintf("%.0f", floor(100*v.First)), v.First < soonest) })
	if !light {
		return
	}
	fmt.Fprintln(w, "refused below 80 % load, %, settled (from the step on)")
	p.rows(w, judged, func(v *phaseVerdict) string {
		if !v.Light {
			return ""
		}
		return mark(fmt.Sprintf("%.1f", 100*v.Refused), v.Refused > refusedBar) + fmt.Sprintf(" (%.1f)", 100*v.Refusal)
	})
}

// floor keeps what misses 95 by little from printing as 95.
func floor(x float64) float64 { return float64(int(x + .005)) }

func mark(text string, missed bool) string {
	if missed {
		return text + "*"
	}
	return text
}

func (p *printed) rows(w io.Writer, phases []int, cell func(*phaseVerdict) string) {
	for i := range p.verdicts {
		v := &p.verdicts[i]
		line(w, "  "+v.Limiter, phases, func(i int) string { return cell(&v.Phases[i]) })
	}
}

func line(w io.Writer, name string, phases []int, cell func(int) string) {
	text := fmt.Sprintf("%-*s", nameWidth+2, name)
	for _, i := range phases {
		text += fmt.Sprintf("%-*s", cellWidth, cell(i)) + " "
	}
	fmt.Fprintln(w, strings.TrimRight(text, " "))
}

func limitText(limits []int) string {
	var all []string
	for _, l := range limits {
		if l == none {
			all = append(all, "-")
			continue
		}
		all = append(all, fmt.Sprint(l))
	}
	return strings.Join(all, "/")
}

// short is a duration of at most six characters.
func short(d time.Duration) string {
	if d < 10*ms {
		return fmt.Sprintf("%.1fms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.0fms", d.Seconds()*1e3)
}

// misses lists where ours misses a bar, and returns how often.
func misses(w io.Writer, all []*printed) (n int) {
	for _, p := range all {
		for _, v := range p.verdicts {
			if v.Limiter != ours.name {
				continue
			}
			for _, ph := range v.Phases {
				for _, m := range ph.Misses {
					n++
					fmt.Fprintf(w, "  %s, %s: %s\n", p.scenario.name, ph.Phase, m)
				}
			}
		}
	}
	return n
}

// standing is a limiter's in the whole table.
type standing struct {
	held, of                     int // phases in which no bar is missed
	goodput, p99, first, refused float64
}

func standings(all []*printed) (names []string, of map[string]*standing) {
	of = map[string]*standing{}
	for _, p := range all {
		for _, v := range p.verdicts {
			s := of[v.Limiter]
			if s == nil {
				s = &standing{goodput: math.Inf(1), first: math.Inf(1)}
				of[v.Limiter] = s
				names = append(names, v.Limiter)
			}
			s.add(v.Phases)
		}
	}
	return names, of
}

func (s *standing) add(phases []phaseVerdict) {
	for _, ph := range phases {
		if !ph.Judged {
			continue
		}
		s.of++
		if len(ph.Misses) == 0 {
			s.held++
		}
		s.goodput, s.first, s.p99 = min(s.goodput, ph.Goodput), min(s.first, ph.First), max(s.p99, ph.P99)
		if ph.Light {
			s.refused = max(s.refused, ph.Refused)
		}
	}
}

// summary prints how many phases each limiter holds all bars in, and its worst figures.
func summary(w io.Writer, all []*printed) {
	fmt.Fprintln(w, "\nPhases without a miss, and the worst of each")
	names, of := standings(all)
	for _, name := range names {
		s := of[name]
		fmt.Fprintf(w, "  %-*s %3d of %3d   goodput %3.0f %%   p99 %6.2fx   first 5 s %3.0f %%   refused below 80 %% load %4.1f %%\n",
			nameWidth, name, s.held, s.of, floor(100*s.goodput), s.p99, floor(100*s.first), 100*s.refused)
	}
}
