package graceful

// The connections of an http server by their state: what a stop waits for.

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A conn is one connection of an http server. It is made when net/http accepts
// it and forgotten when it is closed.
type conn struct {
	net.Conn
	server *httpServer
	opened time.Time
	turn   float64 // the part of a delay after which it is sent away, in [0, 1)
	rider  *rider  // nil: it does not go along

	state  atomic.Int32 // the http.ConnState: changed by net/http alone
	h2     atomic.Bool  // known to speak h2
	warned atomic.Bool  // its client has a GOAWAY before the end of an answer

	// Guarded by conns.mu.
	counted http.ConnState  // the state that the counts know of
	changed time.Time       // of its state; zero: before a stop was watching
	sent    time.Time       // when it was sent away; zero: not, or it spoke after all
	drain   chan struct{}   // closed when its streams are told to end; nil: none asked
	bye     bool            // they were
	asker   <-chan struct{} // closed when the one who asked last has ended
}

// restLeast is the shortest rest of a connection between its last answer and
// its end, if there is any: timers are no finer than this.
const restLeast = time.Millisecond

// uncounted is the state of a connection that the counts don't know yet.
const uncounted http.ConnState = -1

// conns follows net/http's states of every connection. While serving, a change
// of state is a look into a map that takes no lock, and a store; no clock is
// read. Only a stop, which has to wait for states, counts them under the mutex.
// Whoever changes a state stores it first and then asks whether a stop is
// watching; the stop says so first and then reads the states. So one of them
// sees the other, and counting a connection twice changes nothing.
type conns struct {
	open     sync.Map // net.Conn to *conn
	watching atomic.Bool
	spoke    atomic.Bool // an h2 client has sent a request since the stop began

	mu struct {
		sync.Mutex
		many, active int // connections that are open; of these
		away         int // of these: sent away
		bye          bool
		gap          time.Duration // the longest from an answer to the next request on its connection

		hijacked map[*conn]struct{} // open when last looked at
		sweepAt  int                // how many of them make us look again

		wake chan struct{} // tells of changes; nil until a stop watches
	}
}

// add makes a conn, on the goroutine that accepts.
func (h *httpServer) add(c net.Conn) *conn {
	now := time.Now()
	from := h.leaving.Load().part(now)
	made := &conn{
		Conn: c, server: h, opened: now, counted: uncounted,
		turn: from + (1-from)*rand.Float64(),
	}
	if r, ok := c.(riding); ok {
		made.rider = r.rider()
		made.rider.conn = made
	}
	h.conns.open.Store(c, made)
	return made
}

// change follows one connection, as a ConnState hook is told.
func (h *httpServer) change(nc net.Conn, state http.ConnState) {
	s := &h.conns
	known, ok := s.open.Load(nc)
	if !ok {
		// A handler that speaks h2 on what it has hijacked (x/net/http2/h2c)
		// tells of the states of that, but never of its end.
		return
	}
	c := known.(*conn)
	c.state.Store(int32(state))
	if c.rider != nil && state == http.StateIdle {
		c.rider.begun = false
	}
	if state == http.StateHijacked || s.watching.Load() {
		s.follow(c)
	}
	if state == http.StateHijacked || state == http.StateClosed {
		s.open.Delete(nc) // only now, so that it is always in one place at least
	}
}

// is returns the state of c.
func (c *conn) is() http.ConnState { return http.ConnState(c.state.Load()) }

// follow takes a change of state in.
func (s *conns) follow(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.is() == http.StateHijacked {
		s.hijackLocked(c)
	}
	if s.mu.wake == nil {
		return
	}
	was, now := c.counted, time.Now()
	s.countLocked(c)
	if was == http.StateIdle && c.counted == http.StateActive && !c.changed.IsZero() {
		s.mu.gap = max(s.mu.gap, now.Sub(c.changed))
	}
	c.changed = now
	if c.counted == http.StateActive && !c.sent.IsZero() {
		// Its request was read before sendAway came: it is served.
		c.sent = time.Time{}
		s.mu.away--
		_ = c.SetReadDeadline(time.Time{})
	}
	s.pokeLocked()
}

// poke makes the stop look again.
func (s *conns) poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pokeLocked()
}

func (s *conns) pokeLocked() {
	select {
	case s.mu.wake <- struct{}{}:
	default: // nobody waits, or is told already
	}
}

// countLocked brings the counts up to date with the state of c.
func (s *conns) countLocked(c *conn) {
	open := func(state http.ConnState) int {
		if state == http.StateNew || state == http.StateActive || state == http.StateIdle {
			return 1
		}
		return 0
	}
	active := func(state http.ConnState) int {
		if state == http.StateActive {
			return 1
		}
		return 0
	}
	was := c.counted
	c.counted = c.is()
	s.mu.many += open(c.counted) - open(was)
	s.mu.active += active(c.counted) - active(was)
}

// hijackLocked remembers a connection that net/http gave away. Nobody tells us
// when it is closed, so the closed ones are dropped whenever there are twice
// as many as were open at the last look.
func (s *conns) hijackLocked(c *conn) {
	if s.mu.hijacked == nil {
		s.mu.hijacked = map[*conn]struct{}{}
	}
	s.mu.hijacked[c] = struct{}{}
	if len(s.mu.hijacked) > s.mu.sweepAt {
		s.sweepLocked()
		s.mu.sweepAt = 2*len(s.mu.hijacked) + 64
	}
}

func (s *conns) sweepLocked() {
	for c := range s.mu.hijacked {
		if c.goneLocked() {
			delete(s.mu.hijacked, c)
		}
	}
}

// goneLocked reports whether our end of a hijacked connection was closed. Where
// the connection can't tell, because a listener of somebody else's has wrapped
// it, it is there as long as the handler that asked for its goodbye.
func (c *conn) goneLocked() bool {
	if raw := rawConn(c.Conn); raw != nil {
		return raw.Control(func(uintptr) {}) != nil
	}
	select {
	case <-c.asker:
		return true
	default:
		return c.asker == nil
	}
}

// hijacked returns the hijacked connections that are still open, the oldest
// first.
func (s *conns) hijacked() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hijackedLocked()
}

func (s *conns) hijackedLocked() (open []*conn) {
	for _, value := range s.open.Range {
		if c := value.(*conn); c.is() == http.StateHijacked {
			s.hijackLocked(c) // about to be, by the one who waits for our lock
		}
	}
	s.sweepLocked()
	for c := range s.mu.hijacked {
		open = append(open, c)
	}
	slices.SortFunc(open, older)
	return open
}

// all returns the connections that net/http has, the oldest first.
func (s *conns) all() (open []*conn) {
	for _, c := range s.open.Range {
		if c := c.(*conn); c.is() != http.StateHijacked && c.is() != http.StateClosed {
			open = append(open, c)
		}
	}
	slices.SortFunc(open, older)
	return open
}

func older(a, b *conn) int { return a.opened.Compare(b.opened) }

// watch begins to count and to time the connections; the channel tells of
// changes.
func (s *conns) watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.wake = make(chan struct{}, 1)
	s.watching.Store(true)
	for _, c := range s.open.Range {
		s.countLocked(c.(*conn))
	}
	return s.mu.wake
}

// counts returns how many connections are open, and how many of them active.
func (s *conns) counts() (open, active int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.many, s.mu.active
}

// silent returns the connections, if nothing is active, accepting has ended so
// long ago as a silence has to last, and every client has had the time to send another request
// after its last answer. Otherwise it returns how long that will take yet, or
// zero where only a change can bring it about. Connections that speak h2 are
// not closed in silence but told to go, so who was told is not waited for.
func (s *conns) silent(now, from time.Time, lasting time.Duration, told bool) (idle []*conn, wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.active > 0 {
		return nil, 0, false
	}
	due := now
	for _, value := range s.open.Range {
		c := value.(*conn)
		if c.is() == http.StateHijacked {
			continue // about to be taken out
		}
		idle = append(idle, c)
		switch {
		case !c.speaksH2():
			due = latest(due, from.Add(lasting), c.changed.Add(s.restLocked(lasting)))
		case !told && lasting > settle:
			due = latest(due, from.Add(lasting))
		case !told:
			due = latest(due, latest(c.changed, from).Add(s.slownessLocked()))
		}
	}
	return idle, due.Sub(now), !due.After(now)
}

// restLocked is how long a connection rests after an answer that could not say
// that it is the last, because its request came before the stop: long enough
// for a client that sends one request after another, going by those that have
// done so since the stop began. If none has, there is nothing to go by, and
// nobody to wait for. Who has more patience than a settle time has no need of
// that.
func (s *conns) restLocked(lasting time.Duration) time.Duration {
	switch {
	case lasting > settle:
		return lasting
	case s.mu.gap == 0:
		return 0
	}
	return min(settle, max(restLeast, 4*s.mu.gap))
}

// slowness is how long clients may need to send another request, going by those
// that have sent one since the stop began. Of many that speak h2 and send one after
// another, a few are always slower by far than what was seen of the others, each of
// which was told to go by its answer.
func (s *conns) slowness() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slownessLocked()
}

func (s *conns) slownessLocked() time.Duration {
	if !s.spoke.Load() {
		return min(settleMost, 4*s.mu.gap)
	}
	return min(settleMost, max(slowest, 4*s.mu.gap))
}

func latest(t time.Time, others ...time.Time) time.Time {
	for _, other := range others {
		if other.After(t) {
			t = other
		}
	}
	return t
}

// fresh returns the connections that have not sent a whole request yet.
func (s *conns) fresh() (fresh []*conn) {
	for _, value := range s.open.Range {
		if c := value.(*conn); c.is() == http.StateNew {
			fresh = append(fresh, c)
		}
	}
	return fresh
}

// sendAway ends a silent connection that has not sent anything, or is an idle
// http/1.1 one, whose last answer is out. It reports whether c is gone or has
// to be told to go instead, which is so for h2.
//
// Closing it would be simple and wrong: its goroutine may have read a request,
// and not come to say so. A read deadline in the past only ends a wait for
// more; whoever has read already goes on, and follow lifts the deadline again.
// Both happen under the mutex, so one of them comes first. net/http sets
// deadlines of its own when a connection becomes idle, so ours may have to be
// set again.
func (s *conns) sendAway(c *conn, now time.Time) (told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := c.is()
	switch {
	case state == http.StateClosed:
		return true
	case state != http.StateNew && state != http.StateIdle:
		return false
	case c.speaksH2():
		return true
	case !c.sent.IsZero() && now.Sub(c.sent) < step:
		return false // it is about to go
	case unread(c.Conn):
		return false
	}
	if c.sent.IsZero() {
		s.mu.away++
	}
	c.sent = now
	_ = c.SetReadDeadline(time.Unix(1, 0)) // fails for a closed one only
	return false
}

// away returns how many connections were closed in silence.
func (s *conns) away() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.away
}

// speaksH2 reports whether c is known to speak h2: by a request on it, or, over
// TLS, by what was negotiated. Before it is idle, its handshake may hold the
// lock that this answer needs.
func (c *conn) speaksH2() bool {
	if c.h2.Load() {
		return true
	}
	t, ok := c.Conn.(*tls.Conn)
	if !ok || c.is() != http.StateIdle || t.ConnectionState().NegotiatedProtocol != "h2" {
		return false
	}
	c.h2.Store(true)
	return true
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
