//go:build unix

package restarts

// This file draws how long requests took, over time, across restarts.

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belay-go/belay/internal/bench/load"
)

// timeline is what clients have seen of one run; nil notes nothing.
type timeline struct {
	began time.Time
	mu    struct {
		sync.Mutex
		answers []seen
		marks   []time.Duration // the restarts
	}
}

type seen struct{ at, took time.Duration }

func newTimeline() *timeline { return &timeline{began: time.Now()} }

func (t *timeline) seen() func(load.Protocol, time.Time, time.Duration) {
	if t == nil {
		return nil
	}
	return func(_ load.Protocol, at time.Time, took time.Duration) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.mu.answers = append(t.mu.answers, seen{at.Sub(t.began), took})
	}
}

func (t *timeline) mark() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.marks = append(t.mu.marks, time.Since(t.began))
}

// The drawing, in pixels. Time goes by from left to right.
const (
	width, height    = 900, 260
	left, right      = 60, 15
	top, bottom      = 30, 40
	plotW, plotH     = width - left - right, height - top - bottom
	pieces           = 300 // parts of the time, each with its own median and maximum
	most             = time.Second
	ink, faint, warm = "#1f4e79", "#9db7d1", "#c0392b"
)

// svg draws the median and the longest of each part of the time on a scale of
// powers of ten from 1 ms to 1 s, and a line for each restart.
func (t *timeline) svg(title string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var end time.Duration
	for _, a := range t.mu.answers {
		end = max(end, a.at)
	}
	parts := make([][]time.Duration, pieces)
	for _, a := range t.mu.answers {
		i := min(pieces-1, int(float64(a.at)/float64(end)*pieces))
		parts[i] = append(parts[i], a.took)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="18" font-size="13">%s</text>`+"\n", width, height, left, title)
	for _, d := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%v</text>`+"\n",
			left, width-right, y(d), y(d), left-6, y(d)+4, d)
	}
	for _, m := range t.mu.marks {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s" stroke-width=".6"/>`+"\n", x(m, end), x(m, end), top, top+plotH, warm)
	}
	line := func(color string, of func([]time.Duration) time.Duration) {
		var points []string
		for i, part := range parts {
			if len(part) > 0 {
				points = append(points, fmt.Sprintf("%.1f,%.1f", left+(float64(i)+.5)*plotW/pieces, y(of(part))))
			}
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" points="%s"/>`+"\n", color, strings.Join(points, " "))
	}
	line(faint, slices.Max)
	line(ink, func(part []time.Duration) time.Duration { slices.Sort(part); return part[len(part)/2] })
	fmt.Fprintf(&b, `<text x="%d" y="%d">0 s</text><text x="%d" y="%d" text-anchor="end">%.0f s</text>`+"\n",
		left, height-22, width-right, height-22, end.Seconds())
	fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">median</text><text x="%d" y="%d" fill="%s">longest</text><text x="%d" y="%d" fill="%s">a restart</text>`+"\n</svg>\n",
		left, height-6, ink, left+60, height-6, faint, left+120, height-6, warm)
	return b.String()
}

func x(at, end time.Duration) float64 { return left + plotW*float64(at)/float64(end) }

// y is logarithmic.
func y(d time.Duration) float64 {
	d = min(max(d, time.Millisecond), most)
	return top + plotH*(1-math.Log10(float64(d)/float64(time.Millisecond))/3)
}
