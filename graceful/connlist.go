package graceful

// The connections of a manager's servers, one by one: for a status page.

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"time"
)

// A Conn is one open connection of an [HTTP] server, at one moment. It is a
// plain value.
type Conn struct {
	// Component is the name of the server.
	Component string

	// State is "new" (it has not sent a whole request head), "active" (it has
	// at least one request in flight), "idle" (it has none) or "hijacked" (a
	// handler has taken it, as for a websocket).
	State string

	// Remote is the address of the client.
	Remote string

	// Age is how long ago the connection was accepted.
	Age time.Duration
}

// Conns returns the open connections of all [HTTP] servers, those of one server
// together, the oldest first. Those of other servers are not known. It may be
// called at any time; connections that come, go or change meanwhile are seen
// before or after that. Its time is in proportion to the number of connections.
func (m *Manager) Conns() []Conn {
	var all []Conn
	now := time.Now()
	for _, p := range m.parts() {
		if p.connList == nil {
			continue
		}
		list := p.connList(now)
		for i := range list {
			list[i].Component = p.Name
		}
		slices.SortStableFunc(list, func(a, b Conn) int { return cmp.Compare(b.Age, a.Age) })
		all = append(all, list...)
	}
	return all
}

// connList lists the connections of one server.
func (h *httpServer) connList(now time.Time) (list []Conn) {
	listed := map[*conn]bool{} // one that is hijacked meanwhile is in both lists
	add := func(c *conn, state string) {
		if listed[c] {
			return
		}
		listed[c] = true
		list = append(list, Conn{State: state, Remote: remote(c.Conn), Age: max(0, now.Sub(c.opened))})
	}
	for _, c := range h.conns.all() {
		switch c.is() {
		case http.StateNew:
			add(c, "new")
		case http.StateActive:
			add(c, "active")
		case http.StateIdle:
			add(c, "idle")
		}
	}
	for _, c := range h.conns.hijacked() {
		add(c, "hijacked")
	}
	return list
}

// remote is the address of the client, where there is one.
func remote(c net.Conn) string {
	if a := c.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}
