package report

// This file draws the charts of ratios: a bar for each row, from one, which is the
// peer, to what was found, on a scale of powers of two.

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// style has two sets of colours: a picture has no page to ask which to take.
const style = `<style>
text{font:12px sans-serif;fill:#24292f}.h{font-size:15px;font-weight:bold}.s{fill:#6e7781;font-size:11px}.n{font-weight:bold}
.grid{stroke:#d0d7de}.one{stroke:#6e7781}.up{fill:#2da44e}.down{fill:#bc4c00}.iv{stroke:#24292f;fill:none}.goal{stroke:#8250df;stroke-width:2}
.ours{stroke:#2da44e;fill:none;stroke-width:2}.theirs{stroke:#bc4c00;fill:none;stroke-width:2;stroke-dasharray:6 3}
.oursd{fill:#2da44e}.theirsd{fill:#bc4c00}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#8d96a0}.grid{stroke:#30363d}.one{stroke:#8d96a0}.up,.oursd{fill:#3fb950}.down,.theirsd{fill:#db6d28}
.iv{stroke:#e6edf3}.goal{stroke:#ab7df8}.ours{stroke:#3fb950}.theirs{stroke:#db6d28}}
</style>
`

// The places of a chart's parts.
const (
	width  = 860.0
	labels = 400.0 // where the bars begin
	bars   = 380.0 // how long they may be
	line   = 22.0  // of one row
	head   = 58.0
)

// Draw returns the pictures by their file names.
func Draw(r *Report) (map[string]string, error) {
	all := map[string]string{"growth.svg": growth(r)}
	for _, c := range charts {
		rows, err := c.find(r)
		if err != nil {
			return nil, err
		}
		all[c.name+".svg"] = c.draw(r, rows)
	}
	return all, nil
}

// begin writes what a picture starts with.
func begin(b *strings.Builder, height float64, title, about string) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`+"\n%s", width, height, html.EscapeString(title), style)
	fmt.Fprintf(b, `<text class="h" x="8" y="20">%s</text><text class="s" x="8" y="38">%s</text>`+"\n", html.EscapeString(title), html.EscapeString(about))
}

func stroke(b *strings.Builder, class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

// scale places ratios between the powers of two around all medians.
type scale struct{ low, high float64 } // exponents

func scaleOf(rows []found) scale {
	s := scale{-1, 1}
	for _, f := range rows {
		s.low = min(s.low, math.Floor(math.Log2(f.row.Ratio)))
		s.high = max(s.high, math.Ceil(math.Log2(f.row.Ratio)))
	}
	return s // one round that was disturbed must not flatten the picture
}

func (s scale) x(ratio float64) float64 {
	at := (math.Log2(ratio) - s.low) / (s.high - s.low)
	return labels + bars*min(max(at, 0), 1)
}

func (c chart) draw(r *Report, rows []found) string {
	var b strings.Builder
	bottom := head + line*float64(len(rows))
	begin(&b, bottom+30, c.title+": times as fast as its peers",
		fmt.Sprintf("median of pairs, the line is its interval, the mark what is claimed; %s, %s", r.Machine.Go, r.Machine.CPU))
	s := scaleOf(rows)
	step := math.Ceil((s.high - s.low) / 8)
	for e := s.low; e <= s.high; e++ {
		if math.Mod(e, step) != 0 {
			continue
		}
		class := "grid"
		if e == 0 {
			class = "one"
		}
		x := s.x(math.Exp2(e))
		stroke(&b, class, x, head-6, x, bottom+2)
		fmt.Fprintf(&b, `<text class="s" x="%.1f" y="%.0f" text-anchor="middle">%s</text>`+"\n", x, bottom+18, power(e))
	}
	for i, f := range rows {
		y := head + line*float64(i)
		class, from, to := "up", s.x(1), s.x(f.row.Ratio)
		if f.row.Ratio < 1 {
			class, from, to = "down", to, from
		}
		fmt.Fprintf(&b, `<text x="%.0f" y="%.1f" text-anchor="end">%s <tspan class="s">%s</tspan></text>`, labels-12, y+14, html.EscapeString(f.say), html.EscapeString(f.peer))
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="13"/>`, class, from, y+3, max(to-from, 1))
		stroke(&b, "iv", s.x(f.row.Low), y+9.5, s.x(f.row.High), y+9.5)
		if f.row.Target > 0 {
			stroke(&b, "goal", s.x(f.row.Target), y+1, s.x(f.row.Target), y+18)
		}
		fmt.Fprintf(&b, `<text class="n" x="%.0f" y="%.1f">%s</text>`+"\n", labels+bars+14, y+14, digits(f.row.Ratio))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// power writes two to the e.
func power(e float64) string {
	if e < 0 {
		return fmt.Sprintf("1/%.0f", math.Exp2(-e))
	}
	return fmt.Sprintf("%.0f", math.Exp2(e))
}
