package graceful

// The start: all sockets first, then phase by phase, each once the one before
// it is up.

import (
	"slices"
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
			r.launch(p)
		}
		r.until(func() bool { return r.m.mu.cause != nil || allUpLocked(parts) })
	}
	r.catchUp()
	if r.m.enter(stateReady) {
		r.ready = true
		r.unfollow()
		r.log.Info("graceful: ready", "components", r.names(), "after", time.Since(r.began))
		if r.m.opts.OnReady != nil {
			r.m.opts.OnReady()
		}
	}
	r.until(func() bool { return r.m.mu.cause != nil })
}

func allUpLocked(parts []*part) bool {
	for _, p := range parts {
		if !p.up {
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
			if p.Serve == nil {
				continue
			}
			ln, err := bind(r.startCtx, &p.Component)
			if err != nil {
				r.m.fail(p, "bind", err)
				return false
			}
			r.m.mu.Lock()
			p.ln = ln
			r.m.mu.Unlock()
		}
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

// logPlan tells how a stop would share out its time, before there is one.
func (r *run) logPlan() {
	b := newBudget(r.m.opts.Budget, len(r.phases), r.began)
	var limits []time.Duration
	var sum time.Duration
	for _, parts := range slices.Backward(r.phases) {
		limit := phaseLimit(parts)
		limits = append(limits, limit)
		if limit != forever {
			sum = min(sum, forever-limit) + limit
		}
	}
	if b.total == forever {
		r.log.Info("graceful: starting", "components", r.names(), "phases", len(r.phases), "budget", "none")
		return
	}
	r.log.Info("graceful: starting", "components", r.names(), "phases", len(r.phases),
		"budget", b.total, "report", b.total-b.usable, "reserve", b.reserve(limits[min(1, len(limits)):]))
	if sum > b.usable {
		r.log.Warn("graceful: the limits exceed the budget", "limits", sum, "budget", b.total)
	}
}

// phaseLimit is the longest that the components of one phase may need.
func phaseLimit(parts []*part) time.Duration {
	var limit time.Duration
	for _, p := range parts {
		limit = max(limit, need(p.Limit))
	}
	return limit
}
