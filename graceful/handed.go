package graceful

// Connections that another process has handed over: they are accepted like
// those that come from the kernel, and before them.

import "net"

// deliver queues connections for Accept, and never waits. It reports false
// after the end of accepting; then they are the caller's.
func (a *acceptor) deliver(conns []rawSocket) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.closed {
		return false
	}
	for _, c := range conns {
		a.mu.handed = append(a.mu.handed, c)
	}
	poke(a.come)
	if !a.mu.ending {
		a.mu.moved = true
		a.setDeadlineLocked()
	}
	return true
}

// nextHanded takes one out of the queue; nil: there is none.
func (a *acceptor) nextHanded() net.Conn {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.mu.handed) == 0 {
		return nil
	}
	c := a.mu.handed[0]
	a.mu.handed = a.mu.handed[1:]
	if len(a.mu.handed) == 0 && !a.mu.ending {
		a.setDeadlineLocked()
	}
	return c
}

// left is how many there are that nobody has accepted yet. Of a nil acceptor,
// which is any other socket, there are none.
func (a *acceptor) left() int {
	if a == nil {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.mu.handed)
}

// dropHanded closes what nobody has accepted although accepting is over.
func (a *acceptor) dropHanded() {
	if a == nil {
		return
	}
	a.mu.Lock()
	left := a.mu.handed
	a.mu.handed = nil
	a.mu.Unlock()
	for _, c := range left {
		_ = c.Close()
	}
}
