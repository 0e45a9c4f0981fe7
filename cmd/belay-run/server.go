//go:build unix

package main

// One server: a process and what it has said.

import (
	"fmt"
	"time"
)

// state is where a server is in its life.
type state string

const (
	// starting is entered by the start; it is left for ready, stopping or gone.
	starting state = "starting"
	// ready: it has said so, or has run for long enough. Left for stopping, gone.
	ready state = "ready"
	// stopping: it was sent SIGTERM, or SIGKILL. Left for gone.
	stopping state = "stopping"
	// outlived: it was waited for, but others of its group run on. Left for gone.
	outlived state = "outlived"
	// gone: nothing of it is left.
	gone state = "gone"
)

// server is one generation in one slot. It belongs to the supervisor.
type server struct {
	number  int  // counts up over all slots
	pid     int  // of the process that speaks for it
	group   int  // of all that it has started: the pid of its first process
	reaped  bool // the process was waited for
	state   state
	since   time.Time // of the state
	started time.Time
	killAt  time.Time // when a stop has taken too long; zero: it isn't stopping
	killed  bool
	said    string // its STATUS
	notices *notices
}

func (s *server) String() string { return fmt.Sprintf("server %d (pid %d)", s.number, s.pid) }

// enter is the only transition.
func (s *server) enter(to state, now time.Time) { s.state, s.since = to, now }

// slot is the place of one server. In a restart there is a second one, which is
// to take it, and in a stop those that have lost it.
type slot struct {
	current *server // nil: it has crashed
	next    *server // nil: no restart is at this slot
	old     []*server
	retryAt time.Time // when a crashed one is started again; zero: none is to be
}

// all returns every server of the slot.
func (s *slot) all() (all []*server) {
	if s.current != nil {
		all = append(all, s.current)
	}
	if s.next != nil {
		all = append(all, s.next)
	}
	return append(all, s.old...)
}
