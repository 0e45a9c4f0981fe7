package graceful

// The report while there is still something to report on: what every component
// does at this moment, for a status page and for whoever debugs.

import (
	"cmp"
	"slices"
	"time"
)

// A life says since when a part is what it is, and where it was last seen to
// wait. It is guarded by Manager.mu. The times are of the changes that part
// knows as flags: zero where there was none.
type life struct {
	launched, up, over, resolved time.Time
	where                        string // when the log last told what it waits for
}

// Report returns what Run would return if it ended now. It may be called at any
// time and from anywhere, also by the components: before Run it says what was
// added, while something runs or stops what each component is about to do, and
// after Run it is what Run returned. It takes time in proportion to the number
// of components and holds nothing up. See [Result].Outcome for the words that
// only such a report has, and [Manager.Inspect] for one that takes a closer
// look.
func (m *Manager) Report() Report {
	parts := m.parts()
	details := detailsOf(parts)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.last != nil {
		return m.mu.last.clone()
	}
	return m.reportLocked(time.Now(), parts, details)
}

// Inspect is [Manager.Report] with Where and Stacks of every component that
// runs or is stopping, as they are at this moment. For that it takes a
// goroutine profile, which stops the world for a moment, longer with many
// goroutines; calls at the same time share one. What a component waits for
// while all is well is usually its next piece of work.
func (m *Manager) Inspect() Report {
	var names []string
	for _, c := range m.Report().Components {
		if c.running() {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return m.Report()
	}
	stacks := m.look(time.Now(), names...)
	rep := m.Report()
	for i := range rep.Components {
		if c := &rep.Components[i]; c.running() && len(stacks[c.Name]) > 0 {
			c.Where, c.Stacks = where(stacks[c.Name]), printStacks(stacks[c.Name], mostStacks)
		}
	}
	return rep
}

// running reports whether the component may have goroutines, and no look at
// them is kept that was taken at the right time.
func (res Result) running() bool {
	switch res.Outcome {
	case outcomeStarting, outcomeUp, outcomePreStop, outcomeStopping:
		return true
	}
	return false
}

// The outcomes that only a live report has; see Result.Outcome.
const (
	outcomeStarting = "starting"
	outcomeUp       = "up"
	outcomeEnded    = "ended"
	outcomePreStop  = "pre-stop"
	outcomeStopping = "stopping"
)

// parts returns all parts in the order in which they stop.
func (m *Manager) parts() []*part {
	m.mu.Lock()
	parts := slices.Clone(m.mu.parts)
	m.mu.Unlock()
	slices.SortStableFunc(parts, func(a, b *part) int { return cmp.Compare(b.phase, a.phase) })
	return parts
}

// detailsOf asks the components for their remarks: not under the mutex.
func detailsOf(parts []*part) []string {
	details := make([]string, len(parts))
	for i, p := range parts {
		if p.detail != nil {
			details[i] = p.detail()
		}
	}
	return details
}

// reportLocked returns the report as of now. The parts are in the order in
// which they stop.
func (m *Manager) reportLocked(now time.Time, parts []*part, details []string) Report {
	rep := Report{
		State: m.mu.state.String(), Since: m.mu.entered,
		Cause: m.mu.cause, Forced: m.mu.forced, Ready: m.mu.ready,
		Delay: m.opts.delay(), Generation: m.mu.generation,
	}
	rep.Began = m.mu.began
	m.restartsLocked(&rep, now)
	until := now
	if m.mu.cause != nil {
		until = m.mu.since
		rep.Took = now.Sub(until)
	}
	if !m.mu.began.IsZero() {
		rep.Ran = max(0, until.Sub(m.mu.began))
	}
	phases := 0
	for i, p := range parts {
		if i == 0 || parts[i-1].phase != p.phase {
			phases++
		}
		res := p.liveLocked(now)
		res.Detail = details[i]
		rep.Components = append(rep.Components, res)
	}
	b := newBudget(m.total(m.mu.cause), phases, now)
	rep.Budget, rep.Reserve = b.total, b.each
	if b.total == forever {
		rep.Budget = -1
	}
	return rep
}

// liveLocked returns what has become of the part so far.
func (p *part) liveLocked(now time.Time) Result {
	var res Result
	runs := p.Run != nil || p.serves()
	switch {
	case p.result != nil:
		res = *p.result
		res.Since = p.life.resolved
	case p.stopping:
		res.Outcome, res.Since, res.Where = outcomeStopping, p.asked, p.life.where
		res.Used = now.Sub(p.asked)
	case p.preparing && !p.prepared:
		res.Outcome, res.Since, res.Where = outcomePreStop, p.asked, p.life.where
		res.Used = now.Sub(p.asked)
	case len(p.failures) > 0: // one that did not bind is not over
		res.Outcome, res.Since = "failed", p.life.over
	case !p.launched || p.over && !p.started:
		res.Outcome, res.Since = "never started", p.life.over
	case p.over && runs:
		res.Outcome, res.Since = outcomeEnded, p.life.over
	case p.up:
		res.Outcome, res.Since = outcomeUp, p.life.up
	default:
		res.Outcome, res.Since, res.Where = outcomeStarting, p.life.launched, p.life.where
	}
	res.Name, res.Phase, res.Limit, res.Planned = p.Name, p.phase, max(0, p.Limit), p.planned
	res.Launched, res.Up = p.life.launched, p.life.up
	if p.planned == forever {
		res.Planned = -1
	}
	res.Err = join(p.errsLocked())
	return res
}

// saw keeps what a look at the goroutines told.
func (m *Manager) saw(stacks map[string][]stack) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.mu.parts {
		if s, ok := stacks[p.Name]; ok {
			p.life.where = where(s)
		}
	}
}

// force notes the signal that cuts the stop short.
func (m *Manager) force(sig *SignalError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.forced = sig.Signal
}

func (r Report) clone() Report {
	r.Components, r.Restarts = slices.Clone(r.Components), slices.Clone(r.Restarts)
	return r
}
