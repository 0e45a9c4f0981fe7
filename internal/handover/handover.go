// Package handover starts a process that is to take this one's place, hands it
// the sockets, and keeps a link between the two over which they agree who
// accepts. It knows the mechanics; who does what when is package graceful's.
//
// # What travels how
//
// Sockets travel as systemd's socket activation does it: as descriptors from 3
// on, LISTEN_FDS of them, named in LISTEN_FDNAMES. LISTEN_PID would have to
// hold the pid of the new process, which a Go program can't know before it has
// started it; BELAY_PARENT with the pid of the old one stands in its place. The
// descriptor after the sockets is the link, a Unix socket, and after that comes
// the read end of one pipe for each earlier generation that still drains: it
// ends with that process, whatever ends it. A supervisor that sets LISTEN_PID
// hands over sockets alone.
//
// # The link
//
// Each message is one line of JSON. Fields and kinds that a reader doesn't know
// are skipped, so that a version may add to both; what would change the meaning
// of either raises [Version], and both sides speak the lower one. Descriptors
// go along with the message that counts them.
//
//	old                                new
//	hello (before the start)     ->
//	                             <-    hello
//	                             <-    ready      all is up, nothing accepts
//	tickets    (of a component)  ->
//	accept     (old has paused)  ->
//	                             <-    accepting
//	freed      (a component)     ->    starts what must not run twice
//	conns      (idle ones)       ->    serves them
//	                             <-    got       how many: only now the old one lets go
//	                                             of them, and keeps the others
//	main                         ->    the old one will not come back
//	stop                         ->    both stop
//	                             <-    stop       the new one stops, and was not the main one
//	accepting  (again)           ->
//	end of the link                    the other process is gone
package handover

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Version is the version of the link's protocol, Least the lowest that is
// still understood.
const (
	Version = 1
	Least   = 1
)

// The names in the environment.
const (
	envFDs    = "LISTEN_FDS"
	envNames  = "LISTEN_FDNAMES"
	envPID    = "LISTEN_PID"
	envParent = "BELAY_PARENT"
)

// Environment returns the variables that must not be passed on to a process
// that they aren't meant for.
func Environment() []string { return []string{envFDs, envNames, envPID, envParent} }

// A Kind is what a message says; the package's documentation has their order.
type Kind string

const (
	Hello     Kind = "hello"
	Ready     Kind = "ready"
	Tickets   Kind = "tickets"
	Accept    Kind = "accept"
	Accepting Kind = "accepting"
	Freed     Kind = "freed"
	Conns     Kind = "conns"
	Got       Kind = "got"
	Main      Kind = "main"
	Stop      Kind = "stop"
)

// A Message is one line on the link. Which fields count depends on its kind.
type Message struct {
	Kind Kind `json:"kind"`

	// Of a hello: who speaks.
	Version    int    `json:"version,omitempty"`
	PID        int    `json:"pid,omitempty"`
	Path       string `json:"path,omitempty"`     // of the program
	Revision   string `json:"revision,omitempty"` // that it was built from
	Generation int    `json:"generation,omitempty"`

	// Of the old one's hello: the sockets in their order, and the earlier
	// generations.
	Sockets  []SocketInfo `json:"sockets,omitempty"`
	Draining []Generation `json:"draining,omitempty"`

	// Also there: the components that must not run twice.
	Exclusive []string `json:"exclusive,omitempty"`

	// Of ready: the names of the sockets that were taken.
	Taken []string `json:"taken,omitempty"`

	// Also there: the components that take connections.
	Conns []string `json:"conns,omitempty"`

	// Of tickets: the keys of session tickets, the newest first.
	Tickets []TicketKey `json:"tickets,omitempty"`

	// Of freed, conns and tickets: the component. Of stop: why.
	Name   string `json:"name,omitempty"`
	Reason string `json:"reason,omitempty"`

	// Of got: how many of the connections that came, from the first one on.
	Count int `json:"count,omitempty"`

	// FDs is the number of descriptors that come with it.
	FDs   int        `json:"fds,omitempty"`
	Files []*os.File `json:"-"`
}

// A TicketKey seals and opens TLS session tickets. It must not be logged.
type TicketKey struct {
	Made time.Time `json:"made"`
	Key  []byte    `json:"key"`
}

// SocketInfo is what the old process says of a socket.
type SocketInfo struct {
	Name string `json:"name"`
	Addr string `json:"addr"` // as it was asked for: the same port 0 is the same socket

	// Foreign: it came from a supervisor, who will go on having it.
	Foreign bool `json:"foreign,omitempty"`
}

// A Generation is an earlier process that still drains.
type Generation struct {
	PID   int       `json:"pid"`
	Since time.Time `json:"since"` // of its draining

	alive *os.File // ends with it
}

// A Socket is one that is handed over. File is a descriptor of the owner's own.
type Socket struct {
	SocketInfo
	File *os.File
}

// An Inheritance is what this process was started with.
type Inheritance struct {
	Sockets  []Socket
	Link     *Link // nil: the sockets came from a supervisor
	Hello    Message
	Draining []Generation // before the one that has started this process
}

// ErrBroken is what every error of a handover is, to errors.Is, that does not
// come from the end of the other process: it may be alive, and nobody knows what
// it will do.
var ErrBroken = errors.New("the handover is broken")

// MostFiles is how many descriptors go with one message; Linux has 253.
const MostFiles = 64

// ErrTooOld is the error of a link to a process that speaks nothing that is
// still understood.
var ErrTooOld = fmt.Errorf("%w: the other process speaks a version of it that is too old", ErrBroken)

// Plain is a name as LISTEN_FDNAMES can carry it, and systemd's store; the hello
// has it whole.
func Plain(name string) string {
	return strings.Map(func(c rune) rune {
		if c == ':' || c <= ' ' || c > '~' {
			return '_'
		}
		return c
	}, name)
}
