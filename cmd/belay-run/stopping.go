//go:build unix

package main

// How servers stop: one that was replaced, and all of them in the end. What one
// has started counts as a part of it.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stop stops all servers. done, which may be nil, is called when they are gone.
func (s *supervisor) stop(now time.Time, done func(error)) {
	if done != nil {
		s.onStop = append(s.onStop, done)
	}
	if s.stopping {
		return
	}
	s.stopping, s.stopped = true, now
	s.log.Info("stopping", "grace", s.grace)
	s.tell(fmt.Sprintf("STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=%d", (s.grace + 5*time.Second).Microseconds()))
	if s.restart != nil {
		s.endRestart(errStopping)
	}
	for _, slot := range s.slots {
		slot.retryAt = time.Time{}
		for _, server := range []*server{slot.current, slot.next} {
			if server != nil {
				s.end(slot, server, now, false)
			}
		}
		slot.current, slot.next = nil, nil
	}
}

// force kills all that is left of a stop.
func (s *supervisor) force(now time.Time) {
	for _, slot := range s.slots {
		for _, server := range slot.old {
			s.late(server, now)
		}
	}
}

// end tells a server to stop, or kills it; it is among the old ones then.
func (s *supervisor) end(slot *slot, server *server, now time.Time, kill bool) {
	if server.state == gone {
		return
	}
	slot.old = append(slot.old, server)
	server.enter(stopping, now)
	server.killAt = now.Add(s.grace)
	if kill {
		s.kill(server)
		return
	}
	if !server.reaped {
		s.signal(server.pid, syscall.SIGTERM)
	}
}

// leave takes a server whose process has ended out of its service. What it leaves
// behind would serve on without anybody's knowing: it is to stop, too.
func (s *supervisor) leave(slot *slot, ended *server, now time.Time) {
	ended.reaped = true
	ended.notices.close()
	slot.old = slices.DeleteFunc(slot.old, func(o *server) bool { return o == ended })
	if !s.runs(-ended.group) {
		ended.enter(gone, now)
		return
	}
	s.log.Warn("it has left processes behind", "server", ended.number, "pid", ended.pid)
	ended.enter(outlived, now)
	slot.old = append(slot.old, ended)
	if ended.killed {
		s.kill(ended)
		return
	}
	ended.killAt = now.Add(s.grace)
	s.signal(-ended.group, syscall.SIGTERM)
}

// look sees what no signal tells: that all have ended whom a server has left
// behind, or that another process, which speaks for it, has. It reports whether
// there is something to look at again.
func (s *supervisor) look(slot *slot, it *server, now time.Time) bool {
	switch {
	case it.state == outlived:
		if s.runs(-it.group) {
			return true
		}
		it.enter(gone, now)
		slot.old = slices.DeleteFunc(slot.old, func(o *server) bool { return o == it })
	case it.pid != it.group && !it.reaped:
		if s.runs(it.pid) {
			return true
		}
		s.exited(it.pid, "not known", now)
	}
	return false
}

func (s *supervisor) kill(server *server) {
	server.killed, server.killAt = true, time.Time{}
	if !server.reaped {
		s.signal(server.pid, syscall.SIGKILL)
	}
	s.signal(-server.group, syscall.SIGKILL)
}

// late kills a server that has not stopped, and remembers it.
func (s *supervisor) late(server *server, now time.Time) {
	if server.killed {
		return
	}
	who := server.String()
	if server.state == outlived {
		who = "what " + who + " has started"
	}
	text := fmt.Sprintf("%s did not end within %v", who, now.Sub(server.since).Round(time.Millisecond))
	if server.said != "" {
		text += ", it said: " + server.said
	}
	if s.stopping { // else it is a matter of the restart, and of the log
		s.unclean = append(s.unclean, text)
	}
	s.log.Error("killed", "server", server.number, "pid", server.pid, "after", now.Sub(server.since), "status", server.said)
	s.kill(server)
}

// over reports whether a stop has come to its end.
func (s *supervisor) over() bool {
	if !s.stopping {
		return false
	}
	for _, slot := range s.slots {
		if len(slot.all()) > 0 {
			return false
		}
	}
	return true
}

// finish tells whoever waits for the end, and returns the exit code.
func (s *supervisor) finish() int {
	var err error
	if len(s.unclean) > 0 {
		err = errors.New(strings.Join(s.unclean, "; "))
	}
	for _, f := range s.onStop {
		f(err)
	}
	switch {
	case s.failure != nil:
		s.log.Error("giving up", "err", s.failure)
		return 1
	case err != nil:
		s.log.Error("stopped", "err", err)
		return 3
	}
	s.log.Info("stopped")
	return 0
}
