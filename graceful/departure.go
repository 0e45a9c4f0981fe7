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

// takeConns takes in connections of the old process. They are answered for only
// when they have a place here: until then the old process keeps them, whatever
// becomes of this one.
func (m *Manager) takeConns(link *handover.Link, message handover.Message) {
	defer closeFiles(message.Files) // FileConn has its own
	conns, ok := fileConns(message.Files)
	placed := 0
	if ok {
		placed = m.place(message.Name, conns)
	}
	closeConns(conns[placed:])
	_ = link.Send(handover.Message{Kind: handover.Got, Count: placed}) // if the old process is gone, Receive says so
}

// place finds a place for connections: here, or, where accepting has ended since
// another process has taken our place, there. It returns how many have one.
func (m *Manager) place(name string, conns []rawSocket) (placed int) {
	p := m.part(name)
	if p == nil {
		return 0
	}
	if a, ok := m.acceptor(p).(*acceptor); !ok {
		return 0
	} else if a.deliver(conns) {
		return len(conns)
	}
	if p.server == nil {
		return 0
	}
	w := p.server.way.Load()
	if w == nil {
		return 0
	}
	for i, c := range conns {
		if w.mover.move(w.name, c) != nil {
			return i
		}
		_ = c.Close()
	}
	return len(conns)
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
