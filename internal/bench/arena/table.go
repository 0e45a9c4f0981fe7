package main

// This file prints the verdicts.

import (
	"fmt"
	"io"
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
	fmt.Fprintf(w, "\n%s: %s\n", strings.ToUpper(s.name), s.about)
	line(w, "settled", len(s.phases), func(i int) string { return s.phases[i].name })
	line(w, "  oracle", len(s.phases), func(i int) string {
		b, ph := &p.oracle[i], &s.phases[i]
		if b.good == 0 || ph.unruly {
			return "-"
		}
		return fmt.Sprintf("at %s, %s", limitText(b.limit), short(b.counts.settled.late.quantile(.99)))
	})
	p.rows(w, func(v *phaseVerdict) string {
		return mark(fmt.Sprintf("%.0f", floor(100*v.Goodput)), v.Goodput < s.bar) + " " +
			mark(fmt.Sprintf("[%.2f]", v.P99), v.P99 > slowest)
	})
	fmt.Fprintln(w, "first 5 s")
	p.rows(w, func(v *phaseVerdict) string { return mark(fmt.Sprintf("%.0f", floor(100*v.First)), v.First < soonest) })
	light := false
	for i := range s.phases {
		light = light || s.phases[i].light
	}
	if !light {
		return
	}
	fmt.Fprintln(w, "refused below 80 % load, %, settled (from the step on)")
	p.rows(w, func(v *phaseVerdict) string {
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

func (p *printed) rows(w io.Writer, cell func(*phaseVerdict) string) {
	for i := range p.verdicts {
		v := &p.verdicts[i]
		line(w, "  "+v.Limiter, len(v.Phases), func(i int) string {
			if !v.Phases[i].Judged {
				return "-"
			}
			return cell(&v.Phases[i])
		})
	}
}

func line(w io.Writer, name string, n int, cell func(int) string) {
	text := fmt.Sprintf("%-*s", nameWidth+2, name)
	for i := range n {
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
