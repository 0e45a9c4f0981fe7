package report

// This file prints.

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Header is above a table's lines.
const Header = "| shape | peer | peer's time | ours | ratio | interval | target | verdict |\n|---|---|---|---|---|---|---|---|"

// String returns the row as a line of a table.
func (r Row) String() string {
	target := ""
	if r.Target > 0 {
		target = digits(r.Target)
	}
	verdict := string(r.Verdict)
	if r.Found != "" {
		verdict = strings.TrimPrefix(verdict+", "+r.Found, ", ")
	}
	return fmt.Sprintf("| %s | %s | %v | %v | %s | %s-%s | %s | %s |",
		r.Shape, r.Peer, duration(r.Theirs), duration(r.Ours), digits(r.Ratio), digits(r.Low), digits(r.High), target, verdict)
}

// Heading names the machine and the versions.
func (r *Report) Heading() string {
	return fmt.Sprintf("%s, %s, %s, %d processors, %d rounds of %s in turn; ratio = peer's time / ours, above 1 we are faster",
		r.Machine.Go, r.Machine.System, r.Machine.CPU, r.Machine.Processors, r.Counts, r.Length)
}

// Versions names the peers.
func (r *Report) Versions() string {
	var all []string
	for _, p := range r.Peers {
		all = append(all, p.Path+" "+p.Version)
	}
	return strings.Join(all, ", ")
}

// Summary is the last line of a run.
func (r *Report) Summary() string {
	short, claims := r.Count(Short)
	open, _ := r.Count(Open)
	return fmt.Sprintf("%d claims: %d hold, %d open, %d SHORT; %s", claims, claims-open-short, open, short, r.Took)
}

// duration has three digits and a unit.
func duration(ns float64) string {
	for _, unit := range []struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if ns >= .9995*unit.ns {
			return digits(ns/unit.ns) + " " + unit.name
		}
	}
	return digits(ns) + " ns"
}

// digits writes x with three digits, or with all that are before the point.
func digits(x float64) string {
	decimals := 0
	for _, least := range []float64{99.95, 9.995, .9995} {
		if x < least {
			decimals++
		}
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}

// Took is a duration as the summary says it.
func Took(d time.Duration) string { return d.Round(time.Second).String() }
