package graceful

// The new process's side of a restart, and sockets from a supervisor.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/belay-go/belay/internal/handover"
)

// errOrdered is why a process stops that was told so by the one it replaces.
type errOrdered struct{ reason string }

func (e *errOrdered) Error() string {
	return "graceful: stop together with the process that this one replaces: " + e.reason
}

// An heir is what a run knows of the process whose place it takes. It goes
// through the states of a succession from the other side:
//
//	started -> offered -> accepting -> main
//
// started: components start, and accept nothing. offered: all are up, and the
// old process knows. accepting: it has paused, or is gone. main: it will not
// come back. Its death counts as everything that it could have said yet. The
// goroutine of Run has all of it.
type heir struct {
	in        *handover.Inheritance
	taken     []string
	heard     chan struct{} // closed when nothing more is heard of the old process
	accepting bool
	relieved  bool // on probation, by the old process, which has taken over again or stops, too
	main      bool
}

// inherit looks for what this process was started with.
func (r *run) inherit() {
	in, err := handover.Inherit()
	if err != nil {
		r.log.Error("graceful: what this process should inherit can't be used", "err", err)
	}
	if errors.Is(err, handover.ErrBroken) {
		// The old process serves on: to start anything beside it would be wrong.
		r.m.broken(err)
	}
	if in == nil {
		return
	}
	r.heir = &heir{in: in}
	if in.Link == nil {
		r.heir.accepting, r.heir.main = true, true
		return
	}
	m := r.m
	m.mu.Lock()
	m.mu.generation, m.mu.earlier = in.Hello.Generation, in.Draining
	in.Draining = nil // the manager's, from here on
	m.mu.main = make(chan struct{})
	for _, p := range m.mu.parts {
		p.waits = p.Exclusive && slices.Contains(in.Hello.Exclusive, p.Name)
	}
	m.mu.Unlock()
	_ = in.Link.Send(handover.Message{ // if the old process is gone, hear sees it
		Kind: handover.Hello, Version: handover.Version, PID: os.Getpid(),
		Path: executable(), Revision: revision(), Generation: in.Hello.Generation,
	})
	r.log.Info("graceful: taking the place of another process", "pid", in.Hello.PID,
		"path", in.Hello.Path, "revision", in.Hello.Revision, "generation", in.Hello.Generation)
	r.heir.heard = make(chan struct{})
	go func() { // ends with the link, which unlink sees to
		defer close(r.heir.heard)
		m.hear(in.Link)
	}()
	m.pass("inherited")
}

// broken begins the stop of a process that can't tell what the old one does.
func (m *Manager) broken(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.beginLocked(fmt.Errorf("graceful: %w", err)) {
		m.mu.failed = true
	}
}

// hear passes on what the old process says, to Run's goroutine.
func (m *Manager) hear(link *handover.Link) {
	for {
		message, err := link.Receive()
		switch {
		case errors.Is(err, handover.ErrBroken):
			m.broken(err)
			return
		case err != nil:
			m.ask((*run).orphaned)
			return
		}
		if message.Kind == handover.Conns {
			m.takeConns(link, message)
			continue
		}
		m.ask(func(r *run) { r.heed(message) })
	}
}

// heed acts on what the old process says.
func (r *run) heed(message handover.Message) {
	switch message.Kind {
	case handover.Accept:
		r.heir.accepting = true
	case handover.Accepting:
		r.heir.relieved = true
	case handover.Tickets:
		r.takeTickets(message)
	case handover.Freed:
		r.launchFreed(message.Name)
	case handover.Main:
		r.becomeMain()
	case handover.Stop:
		r.shareSockets(false) // it leaves the queues to us
		r.heir.relieved = true
		r.m.begin(&errOrdered{message.Reason})
	}
}

// orphaned takes in that the old process is gone.
func (r *run) orphaned() {
	r.heir.accepting = true
	r.becomeMain()
	r.launchFreed("")
	_ = r.heir.in.Link.Close() // nobody is at its other end
	r.m.forgetGone()
}

// becomeMain makes this process the one that counts.
func (r *run) becomeMain() {
	if r.heir.main {
		return
	}
	r.heir.main = true
	r.shareSockets(false)
	r.m.mu.Lock()
	close(r.m.mu.main)
	r.m.mu.main = nil
	r.m.mu.Unlock()
	r.notify.speak(time.Now())
	r.storeSockets()
	r.log.Info("graceful: the probation is over")
	r.m.pass("became main")
}

// forgetGone lets go of the earlier processes that have ended.
func (m *Manager) forgetGone() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.earlier = slices.DeleteFunc(m.mu.earlier, func(g handover.Generation) bool {
		gone := !g.Alive()
		if gone {
			g.Close()
		}
		return gone
	})
}

func (r *run) shareSockets(shared bool) {
	for _, parts := range r.phases {
		for _, p := range parts {
			if p.ln != nil && slices.Contains(r.heir.taken, p.Name) {
				p.ln.share(shared)
			}
		}
	}
}

// takeOver says that all is up, waits for the turn of this process, and accepts.
func (r *run) takeOver() {
	h := r.heir
	if h == nil || h.in.Link == nil {
		return
	}
	if _, cause := r.m.reason(); cause != nil {
		return
	}
	r.m.pass("up")
	_ = h.in.Link.Send(handover.Message{Kind: handover.Ready, Taken: h.taken, Conns: r.connTakers()}) // hear sees a failure
	r.m.pass("ready said")
	r.until(func() bool { return h.accepting || r.m.mu.cause != nil })
	if _, cause := r.m.reason(); cause != nil {
		return
	}
	r.m.pass("accepted")
	for _, parts := range r.phases {
		for _, p := range parts {
			if p.ln != nil {
				p.ln.resume()
			}
		}
	}
	_ = h.in.Link.Send(handover.Message{Kind: handover.Accepting})
	r.m.pass("accepting said")
}

// leaves reports whether a stop with this cause leaves the service to the old
// process, which can still take over again.
func (h *heir) leaves(cause error) bool {
	_, ordered := errors.AsType[*errOrdered](cause)
	return h != nil && h.in.Link != nil && !h.main && !ordered
}

// tellLeaving tells the old process that this one stops, and goes on accepting
// until it knows who empties the queue: the old one, which accepts again, or this
// one, which has become the main one in the meantime, or stops together with it.
func (r *run) tellLeaving(cause error) {
	h := r.heir
	if !h.leaves(cause) {
		return
	}
	err := h.in.Link.Send(handover.Message{Kind: handover.Stop, Reason: cause.Error()})
	if err == nil && h.accepting {
		r.untilTime(time.Now().Add(stepLimit), func() bool { return h.main || h.relieved || r.forced != nil })
	}
}

// socket returns the socket of c: the one that was handed over for it, or a new
// one. While another process accepts, ours waits.
func (r *run) socket(c *Component) (socket, error) {
	s, ok := r.heir.find(c)
	if r.m.opts.Restart.Enabled && c.HandOverIdle && c.Listener == nil {
		c.wrap = c.server.ride
	}
	var a socket
	var err error
	if ok {
		a, err = adoptSocket(s, c)
	} else {
		a, err = openSocket(r.startCtx, c)
	}
	if err != nil || r.heir == nil || r.heir.main {
		return a, err
	}
	a.pause()
	if ok {
		r.heir.taken = append(r.heir.taken, c.Name)
		a.share(true)
	}
	return a, nil
}

// find takes the socket for c out of what was inherited. The old process's has
// to be of the same name and have been asked for at the same address. A
// supervisor's may have any address if it has the name, or else any name if it
// has the address.
func (h *heir) find(c *Component) (handover.Socket, bool) {
	if h == nil || c.Addr == "" {
		return handover.Socket{}, false
	}
	i := slices.IndexFunc(h.in.Sockets, func(s handover.Socket) bool {
		return s.Name == c.Name && (h.in.Link == nil || s.Addr == c.Addr) || h.in.Link == nil && s.Name == storeName(c.Name, c.Addr)
	})
	if i < 0 && h.in.Link == nil {
		i = slices.IndexFunc(h.in.Sockets, func(s handover.Socket) bool { return boundTo(s.File, c.Addr) })
	}
	if i < 0 {
		return handover.Socket{}, false
	}
	s := h.in.Sockets[i]
	h.in.Sockets = slices.Delete(h.in.Sockets, i, i+1)
	return s, true
}

// boundTo reports whether the socket listens at the address that addr asks for.
func boundTo(f *os.File, addr string) bool {
	switch network, rest, _ := strings.Cut(addr, ":"); network {
	case udp, unixgram:
		return boundToPackets(f, network, rest)
	}
	ln, err := net.FileListener(f)
	if err != nil {
		return false
	}
	defer ln.Close()
	switch at := ln.Addr().(type) {
	case *net.TCPAddr:
		asked, err := net.ResolveTCPAddr("tcp", addr)
		return err == nil && asked.Port == at.Port && sameIP(asked.IP, at.IP)
	case *net.UnixAddr:
		ln.(*net.UnixListener).SetUnlinkOnClose(false)
		return "unix:"+at.Name == addr
	}
	return false
}

func boundToPackets(f *os.File, network, addr string) bool {
	conn, err := net.FilePacketConn(f)
	if err != nil {
		return false
	}
	defer conn.Close()
	switch at := conn.LocalAddr().(type) {
	case *net.UDPAddr:
		asked, err := net.ResolveUDPAddr(udp, addr)
		return network == udp && err == nil && asked.Port == at.Port && sameIP(asked.IP, at.IP)
	case *net.UnixAddr:
		return network == unixgram && at.Name == addr
	}
	return false
}

// sameIP reports whether both are the same, or both are any.
func sameIP(asked, at net.IP) bool {
	return asked.Equal(at) || (len(asked) == 0 || asked.IsUnspecified()) && at.IsUnspecified()
}

// closeLeft closes the sockets that no component has taken, and says so: a
// queue that nobody empties would be silent.
func (r *run) closeLeft() {
	if r.heir == nil {
		return
	}
	for _, s := range r.heir.in.Sockets {
		r.log.Warn("graceful: no component takes this socket", "name", s.Name, "addr", s.Addr)
		_ = s.File.Close()
		if s.Foreign {
			r.outdated = append(r.outdated, s.SocketInfo)
		}
	}
	r.heir.in.Sockets = nil
}
