package main

// This file draws the joint rate as an SVG: bars by where the verdicts came from,
// the limit as a line, and when Redis was killed and was back. Its colours are legible
// on a light page and on a dark one.

import (
	"fmt"
	"strings"
	"time"
)

// Where the drawing is, in its own units.
const (
	svgWidth, svgHeight = 720.0, 300.0
	svgLeft, svgTop     = 52.0, 56.0
	svgRight, svgBottom = 706.0, 262.0
)

const svgStyle = `<style>
text{font:12px system-ui,sans-serif;fill:#57606a}
.title{font-size:14px;font-weight:600;fill:#24292f}
.axis{stroke:#8c959f;stroke-width:1}
.limit{stroke:#cf222e;stroke-width:1.5;stroke-dasharray:6 4}
.event{stroke:#57606a;stroke-width:1;stroke-dasharray:2 3}
.redis{fill:#2f81f7}
.share{fill:#d4861a}
@media (prefers-color-scheme:dark){text{fill:#9da7b3}.title{fill:#e6edf3}.event{stroke:#9da7b3}.limit{stroke:#ff7b72}}
</style>
`

// chart is what there is to draw.
type chart struct {
	pieces       []tally
	killed, back time.Duration
	excess       float64 // of the worst window
	granted      int
}

// tally is what was granted in one piece of time, by mode.
type tally [2]int

// svg returns the drawing.
func (c chart) svg() string {
	most := *limit
	for _, n := range c.pieces {
		most = max(most, float64(n[0]+n[1])/piece.Seconds())
	}
	most *= 1.08
	span := time.Duration(len(c.pieces)) * piece
	x := func(at time.Duration) float64 { return svgLeft + (svgRight-svgLeft)*at.Seconds()/span.Seconds() }
	y := func(rate float64) float64 { return svgBottom - (svgBottom-svgTop)*rate/most }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-labelledby="t">`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, `<title id="t">What %d processes that share a limit of %v tokens a second are granted while Redis is killed and comes back</title>`+"\n", members, *limit)
	b.WriteString(svgStyle)
	fmt.Fprintf(&b, `<text class="title" x="%.0f" y="18">%d processes, one limit: %v/s, burst %d, lease %d. Tokens granted per second</text>`+"\n", svgLeft, members, *limit, *burst, *lease)
	fmt.Fprintf(&b, `<rect class="redis" x="%.0f" y="27" width="10" height="10"/><text x="%.0f" y="36">by Redis</text>`+"\n", svgLeft, svgLeft+15)
	fmt.Fprintf(&b, `<rect class="share" x="%.0f" y="27" width="10" height="10"/><text x="%.0f" y="36">by each one's share</text>`+"\n", svgLeft+80, svgLeft+95)
	fmt.Fprintf(&b, `<text x="%.0f" y="36" text-anchor="end">%d granted; worst window: limit·t + %.1f</text>`+"\n", svgRight, c.granted, c.excess)
	for i, n := range c.pieces {
		at, wide := x(time.Duration(i)*piece), (svgRight-svgLeft)/float64(len(c.pieces))-1.5
		foot := svgBottom
		for mode, class := range []string{"redis", "share"} {
			if n[mode] == 0 {
				continue
			}
			height := svgBottom - y(float64(n[mode])/piece.Seconds())
			foot -= height
			fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n", class, at, foot, wide, height)
		}
	}
	line := func(class string, x1, y1, x2, y2 float64) {
		fmt.Fprintf(&b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", class, x1, y1, x2, y2)
	}
	line("axis", svgLeft, svgBottom, svgRight, svgBottom)
	line("limit", svgLeft, y(*limit), svgRight, y(*limit))
	fmt.Fprintf(&b, `<text x="%.0f" y="%.1f" text-anchor="end">%v</text>`+"\n", svgLeft-6, y(*limit)+4, *limit)
	fmt.Fprintf(&b, `<text x="%.0f" y="%.1f" text-anchor="end">0</text>`+"\n", svgLeft-6, svgBottom+4)
	for at := time.Duration(0); at <= span; at += time.Second {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.0f" text-anchor="middle">%.0f s</text>`+"\n", x(at), svgBottom+16, at.Seconds())
	}
	for _, e := range []struct {
		at   time.Duration
		what string
	}{{c.killed, "Redis is killed"}, {c.back, "Redis is back, empty"}} {
		line("event", x(e.at), svgTop-6, x(e.at), svgBottom)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.0f">%s</text>`+"\n", x(e.at)+4, svgBottom+32, e.what)
		line("event", x(e.at), svgBottom, x(e.at), svgBottom+34)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
