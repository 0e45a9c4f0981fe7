//go:build unix

package main

// The supervisor: what happens to servers, and what follows from it. Everything
// here is called by one goroutine, with the time; what it does to the world is in
// the funcs of system.

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// firstBackoff is the wait before a crashed server is started again, doubled
	// by each further crash within crashTime, up to mostBackoff.
	firstBackoff, mostBackoff = 100 * time.Millisecond, 5 * time.Second

	// lookAgain is between two looks at what nobody tells us of.
	lookAgain = 100 * time.Millisecond

	// mostCrashes within crashTime are too many.
	mostCrashes, crashTime = 5, time.Minute
)

// system is the world.
type system struct {
	start  func(*server) (pid int, err error)
	signal func(pid int, sig syscall.Signal) // to a process; to a group if negative
	runs   func(pid int) bool                // the same
	ours   func(pid int) bool                // it is a child of ours, or of theirs
	tell   func(text string)                 // the service manager above
	log    *slog.Logger
}

// supervisor holds the slots.
type supervisor struct {
	config
	system

	began    time.Time
	slots    []*slot
	numbered int // servers so far
	restarts int // that have succeeded, of a whole
	crashes  []time.Time
	crashed  int // in all
	ready    bool

	restart  *restart // nil: none is under way
	stopped  time.Time
	failure  error // why we stop, if that is a failure
	unclean  []string
	onStop   []func(error) // to be called when all have ended
	stopping bool
}

// restart is one that is under way, at one slot after the other.
type restart struct {
	slot  int
	until time.Time // the end of the probation; zero: the next one isn't ready
	done  []func(error)
}

var (
	errStopping = errors.New("a stop is under way")
	errUnderWay = errors.New("another restart is under way")
	errCrashes  = fmt.Errorf("the server ended %d times within %v", mostCrashes, crashTime)
)

// begin starts all servers.
func (s *supervisor) begin(now time.Time) {
	s.began = now
	for range s.servers {
		slot := &slot{}
		s.slots = append(s.slots, slot)
		s.launch(slot, now)
	}
}

// launch starts the server of an empty slot.
func (s *supervisor) launch(slot *slot, now time.Time) {
	slot.retryAt = time.Time{}
	server, err := s.newServer(now)
	if err != nil {
		s.log.Error("a server can't be started", "err", err)
		s.crash(slot, now)
		return
	}
	slot.current = server
}

func (s *supervisor) newServer(now time.Time) (*server, error) {
	s.numbered++
	server := &server{number: s.numbered, started: now}
	server.enter(starting, now)
	pid, err := s.system.start(server)
	if err != nil {
		server.notices.close()
		return nil, err
	}
	server.pid, server.group = pid, pid
	s.log.Info("started", "server", server.number, "pid", pid)
	return server, nil
}

// beginRestart begins to replace all servers. done is called with how that went.
func (s *supervisor) beginRestart(now time.Time, done func(error)) {
	refuse := func(why error) {
		s.log.Warn("restart refused", "err", why)
		done(why)
	}
	switch {
	case s.stopping:
		refuse(errStopping)
	case s.restart != nil:
		refuse(errUnderWay)
	default:
		s.restart = &restart{done: []func(error){done}}
		s.log.Info("restarting")
		if s.ready {
			s.tell(reloading())
		}
		s.startNext(now)
	}
}

// startNext starts the server that is to take the place of the one in the slot
// that the restart is at.
func (s *supervisor) startNext(now time.Time) {
	slot := s.slots[s.restart.slot]
	s.restart.until = time.Time{}
	next, err := s.newServer(now)
	if err != nil {
		s.endRestart(err)
		return
	}
	slot.next = next
}

// endRestart ends it, with all servers replaced or with an error.
func (s *supervisor) endRestart(err error) {
	done := s.restart.done
	s.restart = nil
	text := "restarted"
	if err == nil {
		s.restarts++
		s.log.Info("restarted")
		s.ready = s.ready || s.allReady() // the first ones never were
	} else {
		s.log.Error("restart failed", "err", err)
		text = oneLine("restart failed: " + err.Error())
	}
	text = "STATUS=" + text
	if s.ready {
		text = "READY=1\n" + text
	}
	s.tell(text)
	for _, f := range done {
		f(err)
	}
}

// giveUp throws the next server away.
func (s *supervisor) giveUp(slot *slot, now time.Time, why error) {
	if slot.next != nil {
		s.end(slot, slot.next, now, true)
		slot.next = nil
	}
	s.endRestart(why)
}

// promote puts the next server in the place of the current one, which stops.
func (s *supervisor) promote(slot *slot, now time.Time) {
	old := slot.current
	slot.current, slot.next, slot.retryAt = slot.next, nil, time.Time{}
	if old != nil {
		s.end(slot, old, now, false)
	}
	s.log.Info("replaced", "server", slot.current.number, "pid", slot.current.pid)
	if s.restart.slot++; s.restart.slot < len(s.slots) {
		s.startNext(now)
		return
	}
	s.endRestart(nil)
}

// isReady takes in that a server is.
func (s *supervisor) isReady(server *server, now time.Time) {
	if server.state != starting {
		return
	}
	server.enter(ready, now)
	s.log.Info("ready", "server", server.number, "pid", server.pid, "after", now.Sub(server.started))
	if r := s.restart; r != nil && s.slots[r.slot].next == server {
		r.until = now.Add(s.probation)
		if current := s.slots[r.slot].current; current == nil || current.state != ready {
			r.until = now // nobody else serves
		}
	}
	if !s.ready && s.allReady() {
		s.ready = true
		s.tell("READY=1\nSTATUS=ready")
	}
}

func (s *supervisor) allReady() bool {
	for _, slot := range s.slots {
		if slot.current == nil || slot.current.state != ready {
			return false
		}
	}
	return true
}

// exited takes in the end of a process. Orphans that nobody knows are waited
// for, and that is all.
func (s *supervisor) exited(pid int, status string, now time.Time) {
	slot, ended := s.find(pid)
	if ended == nil {
		return
	}
	was := ended.state
	args := []any{"server", ended.number, "pid", pid, "status", status, "after", now.Sub(ended.started)}
	s.leave(slot, ended, now)
	switch {
	case was == stopping:
		s.log.Info("ended", args...)
	case ended == slot.next:
		slot.next = nil
		s.log.Error("the new server has ended", args...)
		s.endRestart(fmt.Errorf("the new %v has ended: %s", ended, status))
	default:
		slot.current = nil
		s.log.Error("ended by itself", args...)
		s.crash(slot, now)
	}
}

func (s *supervisor) find(pid int) (*slot, *server) {
	for _, slot := range s.slots {
		for _, server := range slot.all() {
			if server.pid == pid && server.state != outlived {
				return slot, server
			}
		}
	}
	return nil, nil
}

// crash decides what follows from a server that ended by itself.
func (s *supervisor) crash(slot *slot, now time.Time) {
	s.crashed++
	if s.stopping {
		return
	}
	s.crashes = slices.DeleteFunc(append(s.crashes, now), func(t time.Time) bool { return now.Sub(t) >= crashTime })
	switch n := len(s.crashes); {
	case n >= mostCrashes:
		s.failure = errCrashes
		s.stop(now, nil)
	case slot.next != nil && slot.next.state == ready:
		s.promote(slot, now) // there is no reason to wait any more
	default: // unless the next one is ready before
		slot.retryAt = now.Add(min(firstBackoff<<(n-1), mostBackoff))
	}
}

// forward passes a signal on to the servers that serve.
func (s *supervisor) forward(sig syscall.Signal) {
	for _, slot := range s.slots {
		if slot.current != nil {
			s.signal(slot.current.pid, sig)
		}
	}
}

// tick does what it is time for, and returns when to call it again; zero: not
// before something happens.
func (s *supervisor) tick(now time.Time) (next time.Time) {
	due := func(t time.Time) bool {
		if t.IsZero() {
			return false
		}
		if !t.After(now) {
			return true
		}
		if next.IsZero() || t.Before(next) {
			next = t
		}
		return false
	}
	for _, slot := range s.slots {
		for _, server := range slot.all() {
			if s.after > 0 && server.state == starting && due(server.started.Add(s.after)) {
				s.isReady(server, now)
			}
			if s.look(slot, server, now) {
				due(now.Add(lookAgain))
			}
			if (server.state == stopping || server.state == outlived) && due(server.killAt) {
				s.late(server, now)
			}
		}
		if !s.stopping && slot.current != nil && slot.current.state == starting && due(slot.current.started.Add(s.readyLimit)) {
			s.unready(slot, now)
		}
		// A new server that isn't ready may never be: that is no reason to wait.
		if slot.current == nil && (slot.next == nil || slot.next.state == starting) && due(slot.retryAt) {
			s.launch(slot, now)
			due(slot.retryAt)
		}
	}
	if r := s.restart; r != nil {
		slot := s.slots[r.slot]
		switch {
		case r.until.IsZero():
			if due(slot.next.started.Add(s.readyLimit)) {
				s.giveUp(slot, now, fmt.Errorf("the new %v was not ready within %v", slot.next, s.readyLimit))
			}
		case due(r.until):
			s.promote(slot, now)
			return s.tick(now)
		}
	}
	return next
}

// unready throws away a server that did not become ready. That is as good as a
// crash.
func (s *supervisor) unready(slot *slot, now time.Time) {
	server := slot.current
	s.log.Error("not ready in time", "server", server.number, "pid", server.pid, "limit", s.readyLimit)
	slot.current = nil
	s.end(slot, server, now, true)
	s.crash(slot, now)
}

// oneLine keeps a text from being more than one assignment.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' {
			return ' '
		}
		return c
	}, text)
}
