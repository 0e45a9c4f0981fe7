package graceful

// Components that must not run in two processes at a time.

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/belay-go/belay/internal/handover"
)

// handOnLimit is how long such a component may take to stop, if it has no limit
// of its own.
const handOnLimit = 10 * time.Second

// errHandedOn is the cause of the contexts of a component that goes on in the
// new process.
var errHandedOn = errors.New("graceful: it goes on in the process that takes this one's place")

// handOn stops what must not run twice, phases descending as ever, and tells
// the new process of each that it may start it. One that is stuck is not told
// of: it goes on in the new process when this one is gone.
func (s *succession) handOn() {
	for _, p := range s.m.parts() {
		if !s.m.handing(s, p) {
			continue
		}
		limit := handOnLimit
		if p.Limit > 0 {
			limit = p.Limit
		}
		s.run().stopPart(p, errHandedOn, need(limit))
		s.m.pass("handing on")
		outcome := s.m.outcome(p)
		if outcome == "stuck" {
			s.m.log().Error("graceful: a component does not stop, and can't go on in the new process", "name", p.Name)
			continue
		}
		s.m.log().Info("graceful: handed on", "name", p.Name, "outcome", outcome)
		_ = s.proc.Link.Send(handover.Message{Kind: handover.Freed, Name: p.Name}) // watch sees a failure
		s.m.pass("handed on")
	}
	s.m.ask((*run).takeBack) // of what had not stopped yet when the new process ended
}

func (s *succession) run() *run {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.m.mu.run
}

// handing notes that p is about to be stopped for the new process's sake;
// false: there is nothing to do, or our own stop will do it.
func (m *Manager) handing(s *succession, p *part) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !p.Exclusive || !p.launched || p.stopping || p.handed != nil || m.mu.cause != nil || m.mu.succession != s || s.ended {
		return false
	}
	p.handed = s
	return true
}

func (m *Manager) outcome(p *part) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return p.result.Outcome
}

// launchFreed starts what waits for the old process to have stopped it; with no
// name, all of that. What is in a phase whose turn has not come yet starts with
// that.
func (r *run) launchFreed(name string) {
	for i, parts := range r.phases {
		for _, p := range parts {
			if p.waits && (name == "" || p.Name == name) && r.m.free(p) {
				if i < r.reached {
					r.launch(p)
				}
				r.m.pass("freed")
			}
		}
	}
}

// free ends the wait of a component, unless a stop has begun.
func (m *Manager) free(p *part) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.cause != nil {
		return false
	}
	p.waits = false
	return true
}

// takeBack starts again what was handed on to a process that has ended. Each is
// a new part, since a part goes through its life once. One that is still
// stopping is taken back when it has; one that is stuck can't be, and is
// reported.
func (r *run) takeBack() {
	for _, parts := range r.phases {
		for i, p := range parts {
			if again := r.m.revive(p); again != nil {
				parts[i] = again
				r.log.Info("graceful: taken back", "name", p.Name)
				r.launch(again)
			}
		}
	}
}

// revive puts a fresh part in the place of p, if p was handed on.
func (m *Manager) revive(p *part) *part {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.handed == nil || !p.handed.ended || m.mu.cause != nil || p.result == nil {
		return nil
	}
	if p.result.Outcome == "stuck" {
		m.failLocked(p, "stop", fmt.Errorf("stuck, so it can't be started again"))
		return nil
	}
	again := &part{Component: p.Component, phase: p.phase}
	m.mu.parts[slices.Index(m.mu.parts, p)] = again
	return again
}
