package graceful

// Where a component hangs: its goroutines carry its name, so that one goroutine
// profile tells what they wait for. It is taken when the time of a component
// is up, and at the quarters of a stop that takes long. A stop that is quick
// takes none, and neither does anything before it.

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"
)

const (
	// componentLabel is the pprof label with the component's name.
	componentLabel = "graceful.component"

	// quarters is how often a long stop tells what it waits for.
	quarters = 4

	// mostStacks bounds Result.Stacks, mostLine what one log line says of the
	// components: with quotes and the other attributes it stays below 4 KiB.
	mostStacks = 4 << 10
	mostLine   = 3 << 10
)

// labelled returns ctx with the label of a component in it, so that a pprof.Do
// of the component's own adds to it.
func labelled(ctx context.Context, name string) context.Context {
	return pprof.WithLabels(ctx, pprof.Labels(componentLabel, name))
}

// A profile is all that a goroutine profile says, at one moment.
type profile struct {
	done chan struct{} // closed when text is there
	text string
}

// look returns the stacks of the components with these names. It takes a
// goroutine profile, which stops the world for a moment, or shares the one that
// somebody else is about to take: the time of a whole phase is often up at once.
// It waits for that; the manager's mutex must not be held.
func (m *Manager) look(names ...string) map[string][]stack {
	m.mu.Lock()
	p := m.mu.profile
	if p != nil {
		m.mu.Unlock()
		<-p.done
		return parseStacks(p.text, names, hiddenFunctions)
	}
	p = &profile{done: make(chan struct{})}
	m.mu.profile = p
	m.mu.looks++
	m.mu.Unlock()

	var text bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&text, 1) // a Buffer takes everything
	p.text = text.String()
	m.mu.Lock()
	m.mu.profile = nil
	m.mu.Unlock()
	close(p.done)
	return parseStacks(p.text, names, hiddenFunctions)
}

// watch sets the timer for the next quarter. Only Run's goroutine knows it, so
// it ends when that stops waiting for it.
func (r *run) watch(now time.Time) {
	if r.budget.total == forever || r.quarter == quarters {
		r.mark = nil
		return
	}
	r.mark = time.After(r.budget.quarter(r.quarter + 1).Sub(now))
}

// tell logs, in one line, each component that is still stopping or was left
// behind, with its age and where it hangs: whoever kills us now has had it.
func (r *run) tell(now time.Time) {
	for r.quarter < quarters && !r.budget.quarter(r.quarter+1).After(now) {
		r.quarter++ // more than one if the stop began late
	}
	defer r.watch(now)
	type entry struct{ name, state, where string }
	var late []entry
	var names []string
	waiting := false
	r.m.mu.Lock()
	for _, p := range r.stopOrder() {
		switch {
		case p.stopping && p.result == nil:
			waiting = true
			names = append(names, p.Name)
			late = append(late, entry{p.Name, "stopping for " + short(now.Sub(p.asked)), ""})
		case p.result != nil && p.result.Outcome == "stuck":
			late = append(late, entry{p.Name, "stuck for " + short(now.Sub(p.asked)), p.result.Where})
		}
	}
	since := r.m.mu.since
	r.m.mu.Unlock()
	if !waiting {
		return
	}
	stacks := r.m.look(names...)
	r.m.saw(stacks)
	var line strings.Builder
	for i, c := range late {
		if c.where == "" {
			c.where = where(stacks[c.name])
		}
		text := c.name + " (" + c.state + ")"
		if c.where != "" {
			text += ": " + c.where
		}
		if i > 0 {
			line.WriteString("; ")
		}
		if line.Len()+len(text) > mostLine {
			fmt.Fprintf(&line, "and %d more", len(late)-i)
			break
		}
		line.WriteString(text)
	}
	r.log.Warn("graceful: still stopping", "percent", 100/quarters*r.quarter, "after", now.Sub(since).Round(time.Millisecond),
		"left", r.budget.left(now).Round(time.Millisecond), "components", line.String())
}

// hung notes where a component was when its time was up, and, if it is stuck,
// where it was afterwards if that is another place: then it is slow.
func (r *run) hung(p *part, res *Result, before []stack) {
	res.Where, res.Stacks = where(before), printStacks(before, mostStacks)
	if res.Outcome != "stuck" {
		return
	}
	after := r.m.look(p.Name)[p.Name]
	switch later := where(after); {
	case later == "" || samePlace(before, after):
	case res.Where == "":
		res.Where, res.Stacks = later, printStacks(after, mostStacks)
	default:
		res.Where += "; later " + later
	}
}
