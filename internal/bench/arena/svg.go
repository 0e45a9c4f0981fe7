package main

// This file draws the limit and what is in flight over time: one picture for each
// scenario, one panel for each limiter, all to one scale.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	left, right, top  = 150.0, 20.0, 58.0
	width, panel, gap = 960.0, 96.0, 18.0
)

// style has two sets of colours. A picture has no page to ask which one to take.
const style = `<style>
text{font:11px sans-serif;fill:#333}.h{font-size:13px;font-weight:bold}.s{fill:#777}
.bg{fill:#fff}.box{fill:none;stroke:#ccc}.ph{stroke:#bbb;stroke-dasharray:2 3}
.fl{fill:#7fb3d5;stroke:none}.li{fill:none;stroke:#c0392b;stroke-width:1.4}.l2{fill:none;stroke:#8e44ad;stroke-width:1.2}
.ca{fill:none;stroke:#2e7d32;stroke-width:1.2;stroke-dasharray:5 3}
@media(prefers-color-scheme:dark){text{fill:#ddd}.s{fill:#999}.bg{fill:#16181c}.box{stroke:#444}.ph{stroke:#555}
.fl{fill:#2f5f85}.li{stroke:#ff7b6b}.l2{stroke:#c39bd3}.ca{stroke:#7bc67e}}
</style>`

// slots is how many requests are in flight when all workers are busy and none waits.
func (p *phase) slots(s *scenario) float64 {
	each := s.mean.Seconds() * (1 + s.front) * p.slowness()
	return p.capacity(s) * (each + s.delay.Seconds())
}

// picture is the scale that a scenario's panels share.
type picture struct {
	strings.Builder
	s     *scenario
	most  float64 // at the top of a panel
	lasts time.Duration
}

func (p *picture) x(at time.Duration) float64 {
	return left + (width-left-right)*float64(at)/float64(p.lasts)
}

// y is in a panel that begins at top; what is above it stays on its edge.
func (p *picture) y(top, n float64) float64 { return top + panel*(1-min(n/p.most, 1)) }

// draw writes a scenario's picture into a folder.
func draw(dir string, of *printed) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := strings.ReplaceAll(of.scenario.name, " ", "-") + ".svg"
	return os.WriteFile(filepath.Join(dir, name), []byte(svg(of)), 0o644)
}

func svg(of *printed) string {
	p := &picture{s: of.scenario, lasts: of.scenario.lasts()}
	for i := range p.s.phases {
		p.most = max(p.most, 2*p.s.phases[i].slots(p.s))
	}
	height := top + float64(len(of.verdicts))*(panel+gap) + 22
	fmt.Fprintf(p, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f">%s<rect class="bg" width="100%%" height="100%%"/>`+"\n", width, height, style)
	fmt.Fprintf(p, `<text class="h" x="12" y="20">%s</text><text class="s" x="%.0f" y="20">%s</text>`+"\n", escape(p.s.name), left, escape(p.s.about))
	p.legend()
	for i := range of.verdicts {
		p.panel(top+float64(i)*(panel+gap), &of.verdicts[i])
	}
	bottom := top + float64(len(of.verdicts))*(panel+gap)
	begin := time.Duration(0)
	for i := range p.s.phases {
		ph := &p.s.phases[i]
		fmt.Fprintf(p, `<line class="ph" x1="%[1]f" x2="%[1]f" y1="%[2]f" y2="%[3]f"/><text class="s" x="%[4]f" y="%[5]f">%[6]s</text>`+"\n",
			p.x(begin), top, bottom-gap, p.x(begin)+2, bottom-4, escape(ph.name))
		begin += ph.lasts
	}
	fmt.Fprintf(p, `<text class="s" x="%.1f" y="%.1f" text-anchor="end">%.0f s</text></svg>`+"\n", width-right, bottom+14, p.lasts.Seconds())
	return p.String()
}

func (p *picture) legend() {
	for i, l := range []struct{ class, text string }{
		{"li", "limit"}, {"fl", "in flight"}, {"ca", "all workers busy, nobody waits"}, {"l2", "limit of the second"},
	} {
		if l.class == "l2" && p.s.front == 0 {
			continue
		}
		x := left + float64(i)*150
		if l.class == "l2" {
			x += 60
		}
		if l.class == "fl" {
			fmt.Fprintf(p, `<rect class="fl" x="%.0f" y="33" width="18" height="9"/>`, x)
		} else {
			fmt.Fprintf(p, `<path class="%s" d="M%.0f 38h18"/>`, l.class, x)
		}
		fmt.Fprintf(p, `<text x="%.0f" y="42">%s</text>`+"\n", x+24, l.text)
	}
}

func (p *picture) panel(top float64, v *verdict) {
	fmt.Fprintf(p, `<text x="12" y="%.1f">%s</text>`, top+14, escape(v.Limiter))
	fmt.Fprintf(p, `<text class="s" x="%.1f" y="%.1f" text-anchor="end">%.0f</text>`, left-5, top+9, p.most)
	fmt.Fprintf(p, `<text class="s" x="%.1f" y="%.1f" text-anchor="end">0</text>`+"\n", left-5, top+panel)
	if d := v.drawn; d != nil {
		area := p.line(top, d.step, d.InFlight)
		fmt.Fprintf(p, `<path class="fl" d="M%.1f %.1fL%sV%.1fZ"/>`+"\n", left, top+panel, area, top+panel)
		fmt.Fprintf(p, `<path class="li" d="M%s"/>`+"\n", p.line(top, d.step, d.Limit))
		if d.Behind != nil {
			fmt.Fprintf(p, `<path class="l2" d="M%s"/>`+"\n", p.line(top, d.step, d.Behind))
		}
	}
	var steps []string
	begin := time.Duration(0)
	for i := range p.s.phases {
		ph := &p.s.phases[i]
		y := p.y(top, ph.slots(p.s))
		steps = append(steps, fmt.Sprintf("%.1f %.1f", p.x(begin), y), fmt.Sprintf("%.1f %.1f", p.x(begin+ph.lasts), y))
		begin += ph.lasts
	}
	fmt.Fprintf(p, `<path class="ca" d="M%s"/>`+"\n", strings.Join(steps, "L"))
	fmt.Fprintf(p, `<rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n", left, top, width-left-right, panel)
}

func (p *picture) line(top float64, step time.Duration, values []float64) string {
	var all []string
	for i, n := range values {
		all = append(all, fmt.Sprintf("%.1f %.1f", p.x(step*time.Duration(i+1)), p.y(top, n)))
	}
	return strings.Join(all, "L")
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
