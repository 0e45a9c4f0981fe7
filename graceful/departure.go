package graceful

// Idle connections in a restart: when they begin to go, when they cease to, and
// where they arrive.

import (
	"net"
	"os"
	"slices"

	"github.com/belay-go/belay/internal/handover"
)

// departures makes the idle connections go along, now that the new process
// accepts. Of what may follow, only the end of the probation changes nothing
// for them: they go until our stop has ended.
func (s *succession) departures() {
	s.mover = newMover(s.proc.Link.Send)
	go s.mover.run() // ends with the link, by gone
	for _, p := range s.taken {
		if p.HandOverIdle && slices.Contains(s.conns, p.Name) {
			p.server.depart(&way{s.mover, p.Name})
		}
	}
}

// stay makes them stay.
func (s *succession) stay() {
	for _, p := range s.taken {
		if p.server != nil {
			p.server.depart(nil)
		}
	}
}

// connTakers are the components here to which connections may come.
func (r *run) connTakers() (names []string) {
	for _, parts := range r.phases {
		for _, p := range parts {
			if p.HandOverIdle && slices.Contains(r.heir.taken, p.Name) && p.server.takesConns() {
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// takeConns takes in connections of the old process, all of them or none. They
// are answered for only when they have a place here: until then the old process
// keeps them, whatever becomes of this one.
func (m *Manager) takeConns(link *handover.Link, message handover.Message) {
	defer closeFiles(message.Files) // FileConn has its own
	answer := handover.Message{Kind: handover.Refused}
	if conns, ok := fileConns(message.Files); ok && m.place(message.Name, conns) {
		answer.Kind = handover.Got
	} else {
		closeConns(conns)
	}
	_ = link.Send(answer) // if the old process is gone, Receive says so
}

// place finds a place for connections: here, or, where accepting has ended since
// another process has taken our place, there.
func (m *Manager) place(name string, conns []rawSocket) bool {
	p := m.part(name)
	if p == nil {
		return false
	}
	if a, ok := m.acceptor(p).(*acceptor); !ok {
		return false
	} else if a.deliver(conns) {
		return true
	}
	if p.server == nil {
		return false
	}
	w := p.server.way.Load()
	if w == nil {
		return false
	}
	for i, c := range conns {
		if err := w.mover.move(w.name, c); err != nil && i == 0 {
			return false
		} else if err != nil {
			m.log().Warn("graceful: connections could not be handed on", "name", name, "count", len(conns)-i, "err", err)
			break
		}
	}
	closeConns(conns)
	return true
}

func fileConns(files []*os.File) (conns []rawSocket, ok bool) {
	for _, f := range files {
		c, err := net.FileConn(f)
		if err != nil {
			return conns, false
		}
		s, ok := c.(rawSocket)
		if !ok {
			_ = c.Close()
			return conns, false
		}
		conns = append(conns, s)
	}
	return conns, true
}

func closeConns(conns []rawSocket) {
	for _, c := range conns {
		_ = c.Close()
	}
}

// part returns the component of that name; nil: there is none.
func (m *Manager) part(name string) *part {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.mu.parts {
		if p.Name == name {
			return p
		}
	}
	return nil
}
