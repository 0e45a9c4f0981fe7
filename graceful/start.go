package graceful

// The start: all sockets first, then phase by phase, each once the one before
// it is up.

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// start returns when there is a reason to stop.
func (r *run) start() {
	r.logPlan()
	if !r.bind() {
		return
	}
	r.follow(doubling(r.began, firstUp))
	defer r.unfollow()
	for _, parts := range r.phases {
		r.catchUp()
		if _, cause := r.m.reason(); cause != nil {
			return
		}
		for _, p := range parts {
			if !p.waits {
				r.launch(p)
			}
		}
		r.reached++
		r.until(func() bool { return r.m.mu.cause != nil || allUpLocked(parts) })
	}
	r.takeOver()
	r.catchUp()
	if r.m.enter(stateReady) {
		r.ready = true
		r.unfollow()
		r.tellReady()
		r.log.Info("graceful: ready", "components", r.names(), "after", time.Since(r.began))
		if r.m.opts.OnReady != nil {
			r.m.opts.OnReady()
		}
	}
	r.until(func() bool { return r.m.mu.cause != nil })
}

func allUpLocked(parts []*part) bool {
	for _, p := range parts {
		if !p.up && !p.waits {
			return false
		}
	}
	return true
}

// bind opens all sockets. On the first error it has started nothing and closes
// those it has opened; the signals meanwhile are looked at afterwards.
func (r *run) bind() bool {
	for _, parts := range r.phases {
		for _, p := range parts {
			if !p.serves() {
				continue
			}
			if p.server != nil {
				p.server.tickets.enabled = r.m.opts.Restart.sharesTickets()
			}
			ln, err := r.socket(&p.Component)
			if err != nil {
				r.m.fail(p, "bind", err)
				return false
			}
			r.m.mu.Lock()
			p.ln = ln
			r.m.mu.Unlock()
		}
	}
	r.closeLeft()
	if r.heir != nil {
		r.m.pass("bound")
	}
	return true
}

func (r *run) names() []string {
	var names []string
	for _, parts := range r.phases {
		for _, p := range parts {
			names = append(names, p.Name)
		}
	}
	return names
}

// logPlan tells how a stop would share out its time, before there is one: one
// line with the total, the delay, and the limit and the reserve of each phase
// in the order in which they stop.
func (r *run) logPlan() {
	b := newBudget(r.m.opts.Budget, len(r.phases), r.began)
	delay := r.m.opts.delay()
	var plan strings.Builder
	sum := delay
	for i, parts := range slices.Backward(r.phases) {
		if plan.Len() > 0 {
			plan.WriteString("; ")
		}
		fmt.Fprintf(&plan, "phase %d (%s)", parts[0].phase, list(parts))
		if limit := phaseLimit(parts); limit != forever {
			fmt.Fprintf(&plan, " limit %v", limit-cutTime)
			sum = min(sum, forever-limit) + limit
		}
		if i < len(r.phases)-1 && b.total != forever { // nothing is kept for the first
			fmt.Fprintf(&plan, " reserve %v", b.reserve([]time.Duration{phaseLimit(parts)}))
		}
	}
	if b.total == forever {
		r.log.Info("graceful: starting", "budget", "none", "delay", delay, "plan", plan.String())
		return
	}
	r.log.Info("graceful: starting", "budget", b.total, "delay", delay,
		"report", b.total-b.usable, "plan", plan.String())
	if sum > b.usable {
		r.log.Warn("graceful: the delay and the limits exceed the budget", "sum", sum, "usable", b.usable, "budget", b.total)
	}
}

func list(parts []*part) string {
	var names []string
	for _, p := range parts {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// phaseLimit is the longest that the components of one phase may need.
func phaseLimit(parts []*part) time.Duration {
	var limit time.Duration
	for _, p := range parts {
		limit = max(limit, need(p.Limit))
	}
	return limit
}
