package graceful

// The old process's side of a restart from the moment on at which the new one
// accepts: the probation, and how it can end.

import (
	"fmt"
	"os"
	"time"

	"github.com/belay-go/belay/internal/handover"
)

// watch follows the new process through its probation, and to its end.
func (s *succession) watch(probation time.Duration) {
	over := time.NewTimer(probation)
	defer over.Stop()
	halt, end := (<-chan struct{})(s.halt), over.C
	for {
		select {
		case m, ok := <-s.news:
			switch {
			case !ok:
				s.gone()
				return
			case m.Kind == handover.Got:
				s.mover.answered(m.Count)
			case m.Kind == handover.Stop:
				s.left(m.Reason)
			}
		case <-halt:
			halt, end = nil, nil
			s.stopBoth()
		case <-end:
			end = nil
			s.m.ask(s.conclude)
		}
	}
}

// conclude makes the new process the only one, and begins our stop. It is called
// by Run's goroutine, since the service manager has to hear of it first. One
// that dies before it was told so brings us back all the same.
func (s *succession) conclude(r *run) {
	s.m.pass("main")
	r.takeSignals() // one that stops us stops both
	if !s.settle() {
		return
	}
	speaks := r.notify
	r.tellMain(s.proc.PID)
	if s.proc.Link.Send(handover.Message{Kind: handover.Main}) == nil {
		s.m.pass("main told")
		if !r.m.begin(&restarted{pid: s.proc.PID}) { // somebody has stopped us at the same time
			s.m.mu.Lock()
			s.settled = false
			s.m.mu.Unlock()
			s.stopBoth()
			return
		}
		s.m.note(s.attempt, outcomeReplaced, 0, nil)
		return
	}
	r.notify = speaks
	r.notify.say(notice{main: os.Getpid()}, time.Now())
	s.m.mu.Lock()
	s.settled = false
	seen := s.ended // by watch, which took it for the end of the main process
	s.m.mu.Unlock()
	if seen {
		s.comeBack(s.proc.Finish(lastWords))
	}
}

// settle notes that the new process is the main one, unless it is about to end
// or was told to.
func (s *succession) settle() bool {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.settled = s.m.mu.cause == nil && !s.ended && !s.leaving
	return s.settled
}

// stopBoth tells the new process to stop, as we do.
func (s *succession) stopBoth() {
	s.m.mu.Lock()
	cause, settled := s.m.mu.cause, s.settled
	s.m.mu.Unlock()
	if !settled {
		s.stay()
		s.mover.stop()
		_ = s.proc.Link.Send(handover.Message{Kind: handover.Stop, Reason: fmt.Sprint(cause)})
	}
}

// left takes in that the new process stops by itself. Its queue would be silent
// until it has ended what it has accepted.
func (s *succession) left(reason string) {
	s.m.mu.Lock()
	s.leaving = !s.settled
	late := s.settled || s.m.mu.cause != nil
	s.m.mu.Unlock()
	if late {
		return
	}
	s.m.log().Error("graceful: the new process stops on probation, this one accepts again", "pid", s.proc.PID, "reason", reason)
	s.stay()
	s.mover.stop()
	s.acceptAgain()
	_ = s.proc.Link.Send(handover.Message{Kind: handover.Accepting}) // to nobody, if it has just ended
}

func (s *succession) acceptAgain() {
	for _, p := range s.taken {
		p.ln.share(false)
		p.ln.resume()
	}
	s.m.ask((*run).harden)
}

// gone takes in that the link has ended: because the new process has, or because
// Run closes it.
func (s *succession) gone() {
	s.stay()
	s.m.mu.Lock()
	done := s.m.mu.state == stateDone
	s.ended = true
	late := s.settled || s.m.mu.cause != nil
	s.m.pokeLocked()
	s.m.mu.Unlock()
	if s.bad != nil && !done { // it may be alive, and serve connections that it could not say it got
		s.m.log().Error("graceful: what the new process says can't be understood", "pid", s.proc.PID, "err", s.bad)
		s.proc.Kill()
	}
	s.mover.end()
	if done {
		return
	}
	status := s.proc.Finish(lastWords)
	_ = s.proc.Link.Close()
	if late {
		s.m.log().Warn("graceful: the new process has ended", "pid", s.proc.PID, "status", status)
		return
	}
	s.comeBack(status)
}

// comeBack makes this process the only one again, after the new one has ended.
func (s *succession) comeBack(status string) {
	s.m.note(s.attempt, outcomeCameBack, 0, fmt.Errorf("the new process, pid %d, has ended: %s", s.proc.PID, status))
	s.acceptAgain()
	s.m.log().Error("graceful: the new process has ended on probation, this one serves again", "pid", s.proc.PID,
		"status", status, "after", time.Since(s.began))
	s.m.ask(func(r *run) { r.tellServing(fmt.Sprintf("pid %d has ended on probation (%s)", s.proc.PID, status)) })
	s.m.ask((*run).takeBack)
	s.m.forget(s)
}

// forget makes room for another restart.
func (m *Manager) forget(s *succession) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.ended = true
	if m.mu.succession == s {
		m.mu.succession = nil
	}
	m.pokeLocked()
}

// awaitHeir waits until an attempt to restart has come to its end with this
// process: a new one that isn't accepting yet is killed, one that is was told to
// stop as well, and is waited for as long as the budget lasts. If this process
// ended first, the new one would take that for its turn; and a supervisor that
// knows only our pid may take our end for that of the service. A second SIGINT
// kills the new one, too.
func (r *run) awaitHeir() {
	r.m.mu.Lock()
	s := r.m.mu.succession
	r.m.mu.Unlock()
	if s == nil {
		return
	}
	over := func() bool { return s.ended || s.settled || r.forced != nil }
	if r.budget.total == forever {
		r.until(over)
	} else {
		r.untilTime(r.budget.end, over)
	}
	r.m.mu.Lock()
	proc, ended := s.proc, s.ended || s.settled
	r.m.mu.Unlock()
	if r.forced != nil && !ended && proc != nil {
		proc.Kill()
	}
}

// soften sends http clients away, each at its moment of the probation; harden
// takes that back. Both leave alone what a stop does, which comes later on the
// same goroutine.
func (r *run) soften(probation time.Duration) {
	if _, cause := r.m.reason(); cause == nil && probation > 0 {
		for _, p := range r.m.parts() {
			if p.soften != nil {
				p.soften(probation)
			}
		}
	}
	r.m.pass("softened")
}

func (r *run) harden() {
	if _, cause := r.m.reason(); cause != nil {
		return
	}
	for _, p := range r.m.parts() {
		if p.harden != nil {
			p.harden()
		}
	}
}
