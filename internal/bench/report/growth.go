package report

// This file draws how costs grow: a panel for each curve, both of its scales
// logarithmic, ours and the peer's.

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// The places of the panels.
const (
	columns     = 3
	panelWidth  = 212.0
	panelHeight = 150.0
	panelStep   = width / columns
	panelLine   = panelHeight + 78
)

// round takes away what a power of ten has behind its point.
var round = strings.NewReplacer(".00", "", ".0", "")

// curve is the points of one panel.
type curve struct {
	name string
	of   []Row
}

func curves(r *Report) (all []curve) {
	for _, s := range r.Suites {
		for _, row := range s.Rows {
			if row.Curve == "" {
				continue
			}
			i := slices.IndexFunc(all, func(c curve) bool { return c.name == row.Curve })
			if i < 0 {
				i = len(all)
				all = append(all, curve{name: row.Curve})
			}
			all[i].of = append(all[i].of, row)
		}
	}
	return all
}

func growth(r *Report) string {
	var b strings.Builder
	all := curves(r)
	lines := (len(all) + columns - 1) / columns
	begin(&b, head+panelLine*float64(lines), "How costs grow",
		"time of one operation, ours solid, the peer's dashed; both scales are logarithmic")
	for i, c := range all {
		c.draw(&b, panelStep*float64(i%columns)+54, head+panelLine*float64(i/columns)+26)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (c curve) draw(b *strings.Builder, left, top float64) {
	most, least := 0.0, math.Inf(1)
	for _, p := range c.of {
		most, least = max(most, p.Ours, p.Theirs), min(least, p.Ours, p.Theirs)
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	first, last := math.Log10(c.of[0].At), math.Log10(c.of[len(c.of)-1].At)
	x := func(p Row) float64 { return left + panelWidth*(math.Log10(p.At)-first)/(last-first) }
	y := func(ns float64) float64 { return top + panelHeight*(high-math.Log10(ns))/(high-low) }
	fmt.Fprintf(b, `<text x="%.0f" y="%.0f">%s</text><text class="s" x="%.0f" y="%.0f" text-anchor="end">beside %s</text>`+"\n",
		left-46, top-10, html.EscapeString(c.name), left+panelWidth, top+panelHeight+34, html.EscapeString(c.of[0].Peer))
	for e := low; e <= high; e++ {
		at := y(math.Pow(10, e))
		stroke(b, "grid", left, at, left+panelWidth, at)
		fmt.Fprintf(b, `<text class="s" x="%.1f" y="%.1f" text-anchor="end">%s</text>`+"\n", left-4, at+4, round.Replace(duration(math.Pow(10, e))))
	}
	for _, side := range []struct {
		class string
		ns    func(Row) float64
	}{{"theirs", func(p Row) float64 { return p.Theirs }}, {"ours", func(p Row) float64 { return p.Ours }}} {
		var points []string
		for _, p := range c.of {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(p), y(side.ns(p))))
			fmt.Fprintf(b, `<circle class="%sd" cx="%.1f" cy="%.1f" r="2.5"/>`, side.class, x(p), y(side.ns(p)))
		}
		fmt.Fprintf(b, `<polyline class="%s" points="%s"/>`+"\n", side.class, strings.Join(points, " "))
	}
	for _, p := range c.of {
		fmt.Fprintf(b, `<text class="s" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x(p), top+panelHeight+16, whole(p.At))
	}
	b.WriteByte('\n')
}

// whole writes a number that is counted, short.
func whole(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.0fM", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0fk", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}
