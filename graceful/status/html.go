package status

// The page as HTML: one document, whose only resource is its own style, which
// the policy knows by its hash.

import (
	"crypto/sha256"
	_ "embed" // for the two below
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"time"
)

//go:embed page.html
var source string

//go:embed page.css
var style string

// document is parsed once; executing it is safe for concurrent use.
var document = template.Must(template.New("page").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(style) },
	"text":  clean,
	"share": share,
}).Parse(source))

// policy forbids everything but the page's own style.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// clean keeps what XML can't hold and what turns the direction of writing out
// of a text that others have written. The template escapes the rest.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ', 0x7f <= r && r <= 0x9f, r == 0xfffe, r == 0xffff,
			0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069, r == 0x200e, r == 0x200f:
			return '\ufffd'
		}
		return r
	}, text)
}

// share is a part of a whole in percent; a whole without a bound has none.
func share(part, whole seconds) int {
	if whole <= 0 {
		return 0
	}
	return int(min(100, 100*float64(part)/float64(whole)))
}

// String is what people read.
func (s seconds) String() string {
	d := time.Duration(s)
	two := func(big, small time.Duration, bigName, smallName string) string {
		text := fmt.Sprintf("%d %s", d/big, bigName)
		if rest := d % big / small; rest > 0 {
			text += fmt.Sprintf(" %d %s", rest, smallName)
		}
		return text
	}
	switch {
	case d < 0:
		return "any"
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return strings.Replace(fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds()), ".0 ", " ", 1)
	case d < time.Hour:
		return two(time.Minute, time.Second, "min", "s")
	case d < 24*time.Hour:
		return two(time.Hour, time.Minute, "h", "min")
	}
	return two(24*time.Hour, time.Hour, "d", "h")
}

// String is the time of day, with the date: a page may be kept.
func (s stamp) String() string { return time.Time(s).UTC().Format("2006-01-02 15:04:05 UTC") }

// Age is how long ago the state was entered.
func (p page) Age() seconds {
	if p.Since.IsZero() {
		return 0
	}
	return seconds(max(0, time.Time(p.Time).Sub(time.Time(p.Since))))
}

// Tone is how the state is marked, besides by its word.
func (p page) Tone() string {
	for _, c := range p.Components {
		if c.Tone() == "bad" {
			return "bad"
		}
	}
	switch {
	case p.State == "ready":
		return "good"
	case p.State == "done" && p.ExitCode == 0, p.State == "new":
		return "plain"
	case p.State == "done":
		return "bad"
	}
	return "wait"
}

// Stopping says that there is a reason to stop, and an end to it.
func (p page) Stopping() bool { return p.Cause != "" && p.State != "done" }

// Done says that the page is the last report.
func (p page) Done() bool { return p.State == "done" }

// Held are the components that hold up a start or a stop.
func (p page) Held() (held []component) {
	for _, name := range p.WaitsFor {
		for _, c := range p.Components {
			if c.Name == name {
				held = append(held, c)
			}
		}
	}
	return held
}

// Failures are the other components that did not do as they should.
func (p page) Failures() (failed []component) {
	for _, c := range p.Components {
		if c.Boxed() && !c.Holds() {
			failed = append(failed, c)
		}
	}
	return failed
}

// A phase is a part of the components' table.
type phase struct {
	Number     int
	Components []component
}

// Phases are the components by phase, in the order in which they stop.
func (p page) Phases() (phases []phase) {
	for i, c := range p.Components {
		if i == 0 || p.Components[i-1].Phase != c.Phase {
			phases = append(phases, phase{Number: c.Phase})
		}
		last := &phases[len(phases)-1]
		last.Components = append(last.Components, c)
	}
	return phases
}

// More is how many connections are not listed.
func (c conns) More() int { return c.Total - len(c.List) }

// Holds says that a start or a stop waits for the component, or has given up
// on it.
func (c component) Holds() bool {
	switch c.Outcome {
	case "starting", "pre-stop", "stopping", "stuck":
		return true
	}
	return false
}

// Tone is how the outcome is marked, besides by its word.
func (c component) Tone() string {
	switch c.Outcome {
	case "up", "ended":
		return "good"
	case "starting", "pre-stop", "stopping":
		return "wait"
	case "stuck", "failed", "panicked", "cut":
		return "bad"
	}
	return "plain"
}

// Stop is what its stop took and was given; "" before it.
func (c component) Stop() string {
	switch {
	case c.Outcome == "pre-stop":
		return c.Used.String()
	case c.Planned == 0 && c.Used == 0:
		return ""
	case c.Planned < 0:
		return c.Used.String()
	}
	return fmt.Sprintf("%v of %v", c.Used, c.Planned)
}

// Boxed says that it stands on top of the page, with its notes.
func (c component) Boxed() bool { return c.Holds() || c.Tone() == "bad" }

// For is how long it has held something up, or what its stop took in vain.
func (c component) For() string {
	switch {
	case c.Outcome == "failed", c.Outcome == "panicked", c.Since.IsZero():
		return ""
	case c.Outcome == "starting":
		return c.Age.String()
	}
	return c.Stop()
}

// Notes says that there is more to tell than fits in a row.
func (c component) Notes() bool { return c.Where+c.Error+c.Detail+c.Stacks != "" }

// Bound is the limit as people read it.
func (s stats) Bound() string {
	switch s.Limit {
	case -1:
		return "none"
	case 0:
		return "-"
	}
	return fmt.Sprint(s.Limit)
}

// Histogram are the waits as bars: text, so that it needs no script.
func (s stats) Histogram() string {
	first, last, most := len(s.Waits), 0, uint64(1)
	for i, b := range s.Waits {
		if b.Count > 0 {
			first, last, most = min(first, i), i, max(most, b.Count)
		}
	}
	const width = 30
	var text strings.Builder
	for i, b := range s.Waits {
		if i < first || i > last {
			continue
		}
		bound := "more"
		if b.Below >= 0 {
			bound = "< " + bucketBound(b.Below)
		}
		bar := 0
		if b.Count > 0 {
			bar = max(1, int(width*float64(b.Count)/float64(most)))
		}
		fmt.Fprintf(&text, "%8s %8d %s\n", bound, b.Count, strings.Repeat("#", bar))
	}
	return text.String()
}

// bucketBound is short: the bounds are powers of four microseconds.
func bucketBound(s seconds) string {
	switch d := time.Duration(s); {
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	default:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
}
