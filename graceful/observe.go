package graceful

// What others are told of the manager's life while it goes on, and the restarts
// that it remembers for them.

import (
	"fmt"
	"slices"
	"time"
)

// mostAttempts is how many restarts a report lists.
const mostAttempts = 8

// Observe has f called with the live report after the manager has entered a
// state, and after an attempt to restart has got further: for traces and
// metrics that can't wait for the end. The calls are made on Run's goroutine,
// one after another, and the last one has what Run returns; changes that follow
// each other at once may be told in one. f must be quick: while it runs no
// signal is looked at, and a stop waits. It may call all of the manager's
// methods but Run. Several can observe, each gets a report of its own.
//
// Observe panics for a nil func, and after Run was called.
func (m *Manager) Observe(f func(Report)) {
	if f == nil {
		panic("graceful: Observe with a nil func")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.state != stateNew {
		panic("graceful: Observe after Run")
	}
	m.mu.observers = append(m.mu.observers, f)
}

// observe tells the observers of what has changed since it last did.
func (r *run) observe() {
	if len(r.observers) == 0 {
		return
	}
	r.m.mu.Lock()
	changes := r.m.mu.changes
	r.m.mu.Unlock()
	if changes == r.observed {
		return
	}
	r.observed = changes
	for _, f := range r.observers {
		f(r.m.Report())
	}
}

// An attempt is one call of Restart, as reports list it. What it points to is
// guarded by Manager.mu.
type attempt struct{ *Result }

// attempted notes that somebody asked for a restart.
func (m *Manager) attempted() attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	a := attempt{&Result{Name: "restart", Outcome: outcomeStarting, Launched: now, Since: now}}
	m.mu.tried++
	if len(m.mu.attempts) == mostAttempts {
		m.mu.attempts = slices.Delete(m.mu.attempts, 0, 1)
	}
	m.mu.attempts = append(m.mu.attempts, a)
	return a
}

// note notes how far an attempt has got, or why it won't get further.
func (m *Manager) note(a attempt, outcome string, pid int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.Outcome, a.Since, a.Err = outcome, time.Now(), err
	if outcome == outcomeProbation {
		a.Up = a.Since
	}
	if pid != 0 {
		a.Detail = fmt.Sprintf("pid %d", pid)
	}
	if err != nil {
		m.mu.refused++
	}
	m.mu.changes++
	m.pokeLocked()
}

// The outcomes that only an attempt has, besides "starting" and "failed"; see
// Report.Restarts.
const (
	outcomeProbation = "probation"
	outcomeReplaced  = "replaced"
	outcomeCameBack  = "came back"
)

// restartsLocked adds to a report what is known of restarts.
func (m *Manager) restartsLocked(rep *Report, now time.Time) {
	rep.RestartsTried, rep.RestartsFailed = m.mu.tried, m.mu.refused
	for _, a := range m.mu.attempts {
		res := *a.Result
		end := res.Since
		switch {
		case !res.Up.IsZero():
			end = res.Up
		case res.Outcome == outcomeStarting:
			end = now
		}
		res.Used = end.Sub(res.Launched)
		rep.Restarts = append(rep.Restarts, res)
	}
	for _, g := range m.mu.earlier {
		if !g.Alive() {
			continue
		}
		if rep.Draining++; rep.DrainingSince.IsZero() || g.Since.Before(rep.DrainingSince) {
			rep.DrainingSince = g.Since
		}
	}
}
