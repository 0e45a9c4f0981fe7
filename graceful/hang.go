package graceful

// Where a component hangs: its goroutines carry its name, so that one goroutine
// profile tells what they wait for. It is taken when the time of a component
// is up, and now and then during a stop or a start that takes long. Those that
// are quick take none, and neither does anything between them.

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// componentLabel is the pprof label with the component's name,
	// managerLabel the one that tells managers of one process apart.
	componentLabel = "graceful.component"
	managerLabel   = "graceful.manager"

	// quarters is how often a long stop tells what it waits for. One without
	// a budget, and a long start, have no quarters: they tell after so long,
	// and again whenever twice the time has gone by.
	quarters  = 4
	firstStop = 5 * time.Second // some supervisors kill after ten
	firstUp   = 10 * time.Second

	// mostStacks bounds Result.Stacks, mostLine what one log line says of the
	// components: with quotes and the other attributes it stays below 4 KiB.
	mostStacks = 4 << 10
	mostLine   = 3 << 10
)

// runs numbers the runs of managers in this process.
var runs atomic.Uint64

// numbered returns ctx with the label of a new run in it: its number, led by
// the owner of ctx if that is a component of another manager. So whatever
// hangs in there is found from both.
func numbered(ctx context.Context) context.Context {
	id := strconv.FormatUint(runs.Add(1), 10)
	manager, nested := pprof.Label(ctx, managerLabel)
	if name, ok := pprof.Label(ctx, componentLabel); ok && nested {
		id = owned(manager, name) + id
	}
	return pprof.WithLabels(ctx, pprof.Labels(managerLabel, id))
}

// owned is what stands for a component in the labels of all that belongs to
// it. The quotes keep any such text from being the beginning of another's.
func owned(manager, name string) string { return manager + strconv.Quote(name) }

// labelled returns ctx with the label of a component in it, so that a pprof.Do
// of the component's own adds to it.
func labelled(ctx context.Context, name string) context.Context {
	return pprof.WithLabels(ctx, pprof.Labels(componentLabel, name))
}

// A profile is all that a goroutine profile says, at one moment.
type profile struct {
	began time.Time
	done  chan struct{} // closed when text is there
	text  string
}

// look returns the stacks of the components with these names, as they are now,
// or were since then: the time of a whole phase is often up at once, and one
// profile, which takes a while and holds up everybody for a part of it, serves
// them all. It waits for that; the manager's mutex must not be held.
func (m *Manager) look(since time.Time, names ...string) map[string][]stack {
	m.mu.Lock()
	manager := m.mu.label
	m.mu.Unlock()
	return parseStacks(m.profile(since), manager, names, hiddenFunctions)
}

// profile returns a profile that was not begun before since, or else takes one.
func (m *Manager) profile(since time.Time) string {
	m.mu.Lock()
	for m.mu.profile != nil {
		p := m.mu.profile
		m.mu.Unlock()
		<-p.done
		if !p.began.Before(since) {
			return p.text
		}
		m.mu.Lock()
	}
	p := &profile{began: time.Now(), done: make(chan struct{})}
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
	return p.text
}

// A schedule says when the nth line about something that takes long is due; the
// zero Time is never.
type schedule func(n int) time.Time

// doubling is the schedule of what has no end that is known.
func doubling(from time.Time, first time.Duration) schedule {
	return func(n int) time.Time {
		if n > 24 { // years
			return time.Time{}
		}
		return from.Add(first << (n - 1))
	}
}

// schedule is that of a stop with this budget, which began at since.
func (b budget) schedule(since time.Time) schedule {
	if b.total == forever {
		return doubling(since, firstStop)
	}
	return func(n int) time.Time {
		if n > quarters {
			return time.Time{}
		}
		return b.quarter(n)
	}
}

// percent is how much is over of the time that the quarters are quarters of.
func (b budget) percent(now time.Time) int {
	begin := b.quarter(0)
	whole := b.quarter(quarters).Sub(begin)
	if whole <= 0 {
		return 100
	}
	return int(min(100, 100*(float64(now.Sub(begin))/float64(whole))))
}

// follow makes Run's goroutine tell, at these times, what it waits for. Only it
// knows the timer, so that ends when it stops waiting for it.
func (r *run) follow(due schedule) {
	r.due, r.told = due, 0
	r.watch(time.Now())
}

// unfollow ends that.
func (r *run) unfollow() { r.due, r.mark = nil, nil }

// watch sets the timer for the next line that is not due yet.
func (r *run) watch(now time.Time) {
	r.mark = nil
	for r.due != nil {
		at := r.due(r.told + 1)
		if at.IsZero() {
			return
		}
		if at.After(now) {
			r.mark = time.After(at.Sub(now))
			return
		}
		r.told++ // more than one if it was late
	}
}

// waiting is what there is to say of a component that does not start or end.
type waiting struct{ name, state, where string }

// tell logs, in one line, each component that is still starting or stopping or
// was left behind, with its age and where it hangs: whoever kills us now has
// had it.
func (r *run) tell(now time.Time) {
	defer r.watch(now)
	late, names, since := r.late(now)
	if len(names) == 0 {
		r.tellWaiting("", false, now)
		return
	}
	state, began, args, part := "still starting", r.began, []any{}, ""
	if !since.IsZero() {
		state, began = "still stopping", since
		if r.budget.total != forever {
			percent, left := r.budget.percent(now), r.budget.left(now).Round(time.Millisecond)
			args = append(args, "percent", percent, "left", left)
			part = fmt.Sprintf(" (%d %%), %v left", percent, left)
		}
	}
	after := now.Sub(began).Round(time.Millisecond)
	args = append(args, "after", after)
	stacks := r.m.look(time.Time{}, names...)
	r.m.saw(stacks)
	for i, c := range late {
		if c.where == "" {
			late[i].where = where(stacks[c.name])
		}
	}
	components := inOneLine(late)
	r.tellWaiting(fmt.Sprintf("%s after %v%s: %s", state, after, part, components), !since.IsZero(), now)
	r.log.Warn("graceful: "+state, append(args, "components", components)...)
}

// late returns what to say of the components that are late, and the names of
// those that Run's goroutine waits for. since is zero before a stop.
func (r *run) late(now time.Time) (late []waiting, names []string, since time.Time) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	add := func(p *part, what string, since time.Time, where string) {
		late = append(late, waiting{p.Name, what + " for " + short(now.Sub(since)), where})
	}
	for _, p := range r.stopOrder() {
		switch {
		case p.result != nil && p.result.Outcome == "stuck":
			add(p, "stuck", p.asked, p.result.Where)
		case p.result != nil:
		case p.pre.running() && !p.stopping:
			add(p, "in its pre-stop hook", p.asked, "")
			names = append(names, p.Name)
		case p.stopping:
			add(p, "stopping", p.asked, "")
			names = append(names, p.Name)
		case r.m.mu.cause == nil && p.launched && !p.up:
			add(p, "starting", p.life.launched, "")
			names = append(names, p.Name)
		}
	}
	return late, names, r.m.mu.since
}

// inOneLine prints as many of them as fit into a line of a log.
func inOneLine(late []waiting) string {
	var line strings.Builder
	for i, c := range late {
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
	return line.String()
}

// hung notes where a component was when its time was up, and, if it is stuck,
// where it was afterwards if that is another place: then it is slow. It was cut
// at since.
func (r *run) hung(p *part, res *Result, before []stack, since time.Time) {
	res.Where, res.Stacks = where(before), printStacks(before, mostStacks)
	if res.Outcome != "stuck" {
		return
	}
	after := r.m.look(since, p.Name)[p.Name]
	switch later := where(after); {
	case later == "" || samePlace(before, after):
	case res.Where == "":
		res.Where, res.Stacks = later, printStacks(after, mostStacks)
	default:
		res.Where += "; later " + later
	}
}
