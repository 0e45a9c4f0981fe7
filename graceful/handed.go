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

// dropHanded closes what nobody has accepted although accepting is over.
func (a *acceptor) dropHanded() {
	a.mu.Lock()
	left := a.mu.handed
	a.mu.handed = nil
	a.mu.Unlock()
	for _, c := range left {
		_ = c.Close()
	}
}
