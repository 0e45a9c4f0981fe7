package graceful

// The connections of an http server by their state: what a stop waits for.

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// conns follows net/http's states of every connection. While serving, a change
// of state costs a lock and a map access; no clock is read.
type conns struct {
	mu struct {
		sync.Mutex
		open   map[net.Conn]connState
		active int                   // of these
		h2     map[net.Conn]struct{} // those of open known to be h2c
		woken  map[net.Conn]struct{} // those of open that were sent away

		hijacked map[net.Conn]struct{} // open when last looked at
		sweepAt  int                   // how many of them make us look again

		wake chan struct{} // tells of changes; nil until a stop watches
	}
}

// connState is New, Active or Idle, and since when, which is zero for a change
// from before the stop.
type connState struct {
	state http.ConnState
	since time.Time
}

// change follows one connection, as a ConnState hook is told.
func (s *conns) change(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.open == nil {
		s.mu.open = map[net.Conn]connState{}
		s.mu.h2 = map[net.Conn]struct{}{}
		s.mu.woken = map[net.Conn]struct{}{}
		s.mu.hijacked = map[net.Conn]struct{}{}
	}
	if s.mu.open[c].state == http.StateActive {
		s.mu.active--
	}
	next := connState{state: state}
	if s.mu.wake != nil {
		next.since = time.Now()
	}
	switch state {
	case http.StateClosed:
		delete(s.mu.open, c)
		delete(s.mu.h2, c)
		delete(s.mu.woken, c)
	case http.StateHijacked:
		delete(s.mu.open, c)
		s.hijackLocked(c)
	case http.StateActive:
		s.mu.active++
		s.mu.open[c] = next
		if _, ok := s.mu.woken[c]; ok {
			// Its request was read before sendAway came: it is served.
			_ = c.SetReadDeadline(time.Time{})
		}
	default:
		s.mu.open[c] = next
	}
	select {
	case s.mu.wake <- struct{}{}:
	default: // nobody waits, or is told already
	}
}

// hijackLocked remembers a connection that net/http gave away. Nobody tells us
// when it is closed, so the closed ones are dropped whenever there are twice
// as many as were open at the last look.
func (s *conns) hijackLocked(c net.Conn) {
	s.mu.hijacked[c] = struct{}{}
	if len(s.mu.hijacked) > s.mu.sweepAt {
		s.sweepLocked()
		s.mu.sweepAt = 2*len(s.mu.hijacked) + 64
	}
}

func (s *conns) sweepLocked() {
	for c := range s.mu.hijacked {
		if closed(c) {
			delete(s.mu.hijacked, c)
		}
	}
}

// hijacked returns the hijacked connections that are still open.
func (s *conns) hijacked() []net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked()
	var open []net.Conn
	for c := range s.mu.hijacked {
		open = append(open, c)
	}
	return open
}

// watch begins to time the connections; the channel tells of changes.
func (s *conns) watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.wake = make(chan struct{}, 1)
	return s.mu.wake
}

// silent returns the connections, if nothing has happened on any of them for
// the settle time, and since from at least. Otherwise it returns how long that
// will take yet, or zero where only a change can bring it about.
func (s *conns) silent(now, from time.Time) (idle []net.Conn, wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.active > 0 {
		return nil, 0, false
	}
	last := from
	for c, is := range s.mu.open {
		if is.since.After(last) {
			last = is.since
		}
		idle = append(idle, c)
	}
	if wait := settle - now.Sub(last); wait > 0 && len(idle) > 0 {
		return nil, wait, false
	}
	return idle, 0, true
}

// counts returns how many connections are open, and how many of them active.
func (s *conns) counts() (open, active int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.open), s.mu.active
}

// isH2 notes that c, which is not encrypted, speaks h2.
func (s *conns) isH2(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.mu.open[c]; ok {
		s.mu.h2[c] = struct{}{}
	}
}

// sendAway ends a silent connection that has not sent anything, or is an idle
// http/1.1 one, whose last answer is out. sent is false for one that is not
// silent any more; h2 is true for one that has to be told to go instead.
//
// Closing it would be simple and wrong: its goroutine may have read a request,
// and not come to say so. A read deadline in the past only ends a wait for
// more; whoever has read already goes on, and change lifts the deadline again.
// Both happen under the mutex, so one of them comes first.
func (s *conns) sendAway(c net.Conn) (sent, h2 bool) {
	overTLS := s.speaksTLSH2(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	is, open := s.mu.open[c]
	_, clear := s.mu.h2[c]
	switch {
	case !open || is.state == http.StateActive || unread(c):
		return false, false
	case overTLS || clear:
		return false, true
	}
	s.mu.woken[c] = struct{}{}
	_ = c.SetReadDeadline(time.Unix(1, 0)) // fails for a closed one only
	return true, false
}

// speaksTLSH2 reports whether c is idle and negotiated h2. Before it is idle,
// its handshake may hold the lock that the answer needs.
func (s *conns) speaksTLSH2(c net.Conn) bool {
	t, ok := c.(*tls.Conn)
	if !ok {
		return false
	}
	s.mu.Lock()
	idle := s.mu.open[c].state == http.StateIdle
	s.mu.Unlock()
	return idle && t.ConnectionState().NegotiatedProtocol == "h2"
}

// rawConn returns the socket below c, or nil where there is none to ask.
func rawConn(c net.Conn) syscall.RawConn {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// closed reports whether our end of c was closed. Where there is no way to
// know, it is taken for closed: nobody could wait for its end.
func closed(c net.Conn) bool {
	raw := rawConn(c)
	return raw == nil || raw.Control(func(uintptr) {}) != nil
}
