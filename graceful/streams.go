package graceful

// How long answers and connections of their own learn that they should come to
// an end: one channel to ask for, and goodbyes that are spread over time.

import (
	"context"
	"net/http"
	"slices"
	"time"
)

const (
	// byeEvery is the time between two goodbyes, so that a thousand clients
	// do not connect elsewhere at once. Half of the component's time is the
	// most that all of them may take: the other half is for the answers.
	byeEvery = 10 * time.Millisecond

	// byeTick is the shortest wait between goodbyes.
	byeTick = time.Millisecond
)

// drainKey is the key of a drainer in a context.
type drainKey struct{}

// A drainer is what a component or a connection tells of its end.
// asker is closed when the one who asks has ended.
type drainer interface {
	drainChannel(asker <-chan struct{}) <-chan struct{}
}

// Draining returns a channel that is closed when the component whose context,
// or whose request's context, ctx is should come to an end. A handler with a
// long answer (server-sent events, a long poll) or with a connection of its own
// (a websocket) uses it to say goodbye in time: the request's own Done closes
// only at the cut.
//
// For requests to [HTTP] the goodbyes are spread: every connection on which
// somebody asked has a channel of its own, and after the beginning of the stop
// they are closed one every 10 ms, the oldest connection first, and faster
// where that would take more than half of the component's time. For other
// contexts of a component, and those of [Manager.WithDraining], the channel is
// closed at once when the component's stop begins. For any other context it is
// nil and never ready. It may be called concurrently.
func Draining(ctx context.Context) <-chan struct{} {
	d, ok := ctx.Value(drainKey{}).(drainer)
	if !ok {
		return nil
	}
	return d.drainChannel(ctx.Done())
}

// WithDraining returns ctx with the drain signal of the component of that name,
// for code whose contexts do not come from the manager, such as the streams of
// a gRPC server, where an interceptor calls it. It panics if there is no such
// component. It may be called concurrently, and at any time.
func (m *Manager) WithDraining(ctx context.Context, name string) context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.mu.parts {
		if p.Name == name {
			return context.WithValue(ctx, drainKey{}, lateDrainer{m, p})
		}
	}
	panic("graceful: WithDraining of an unknown component")
}

// A lateDrainer knows a component that may not have been started yet.
type lateDrainer struct {
	m *Manager
	p *part
}

func (d lateDrainer) drainChannel(<-chan struct{}) <-chan struct{} {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	return d.p.draining
}

// drainChannel is there from the launch on, which comes before any use of the
// component's context.
func (p *part) drainChannel(<-chan struct{}) <-chan struct{} { return p.draining }

// drainChannel makes the channel of one connection. Who asks for it when the
// goodbyes have begun is told at once.
func (c *conn) drainChannel(asker <-chan struct{}) <-chan struct{} {
	s := &c.server.conns
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.drain == nil {
		c.drain = make(chan struct{})
		if s.mu.bye {
			c.byeLocked()
		}
	}
	c.asker = asker
	if c.is() == http.StateHijacked {
		s.hijackLocked(c) // it may have been taken for closed
	}
	return c.drain
}

func (c *conn) byeLocked() {
	if !c.bye {
		c.bye = true
		close(c.drain)
	}
}

// streams returns the connections on which somebody waits for a goodbye, the
// oldest first. Whoever asks from now on is told at once.
func (s *conns) streams() (waiting []*conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.bye = true
	for _, c := range append(s.all(), s.hijackedLocked()...) {
		if c.drain != nil {
			waiting = append(waiting, c)
		}
	}
	slices.SortFunc(waiting, older)
	return slices.Compact(waiting) // one that is hijacked meanwhile is there twice
}

// sayBye tells some streams to end.
func (s *conns) sayBye(streams []*conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range streams {
		c.byeLocked()
	}
}

// sayGoodbye tells all streams to end: one at once, the others spread.
func (h *httpServer) sayGoodbye(limit time.Duration) {
	streams := h.conns.streams()
	if len(streams) <= 1 {
		h.conns.sayBye(streams)
		return
	}
	over := min(limit/2, time.Duration(len(streams))*byeEvery)
	go h.spread(streams, over) // ends with the last goodbye, or with the server
}

// spread says goodbye evenly over a time.
func (h *httpServer) spread(streams []*conn, over time.Duration) {
	began := time.Now()
	tick := time.NewTicker(max(byeTick, over/time.Duration(len(streams))))
	defer tick.Stop()
	for said := 0; ; {
		due := len(streams)
		if since := time.Since(began); since < over {
			due = min(due, 1+int(float64(due)*float64(since)/float64(over)))
		}
		if due > said {
			h.conns.sayBye(streams[said:due])
			said = due
		}
		if said == len(streams) {
			return
		}
		select {
		case <-tick.C:
		case <-h.requestCtx.Done():
			return
		}
	}
}
