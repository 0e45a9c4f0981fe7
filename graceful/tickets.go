package graceful

// The keys of TLS session tickets, which outlive a process: a client that has a
// ticket of the old one saves most of a handshake with the new one.

import (
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/belay-go/belay/internal/handover"
)

const (
	// sealTime is how long the newest key seals tickets, and openTime how old a
	// key may become that opens them. Package crypto/tls has the same, but
	// keeps to it only with keys of its own.
	sealTime = 24 * time.Hour
	openTime = 7 * sealTime

	// keySize is the size of a key for crypto/tls.
	keySize = 32
)

// tickets are the keys of one server. They are in memory and go over the link,
// and nowhere else.
type tickets struct {
	enabled bool // set before the server is launched

	mu struct {
		sync.Mutex
		keys   []handover.TicketKey // the newest, which seals, first; nil: none yet
		due    time.Time            // when they change
		config *tls.Config          // that has them; nil: none
	}
}

// rotate returns the keys as they should be now, and when to ask again. A clock
// that was set back makes no key last longer than one made now.
func rotate(keys []handover.TicketKey, now time.Time, fresh func() []byte) (kept []handover.TicketKey, due time.Time) {
	for _, k := range keys {
		if k.Made.After(now) {
			k.Made = now
		}
		if len(k.Key) == keySize && now.Sub(k.Made) < openTime {
			kept = append(kept, k)
		}
	}
	if len(kept) == 0 || now.Sub(kept[0].Made) >= sealTime {
		kept = slices.Insert(kept, 0, handover.TicketKey{Made: now, Key: fresh()})
	}
	due = kept[0].Made.Add(sealTime)
	if ends := kept[len(kept)-1].Made.Add(openTime); ends.Before(due) {
		due = ends
	}
	return kept, due
}

func freshKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails: it crashes the process instead
	return key
}

// serve makes the config that srv is to be served with; nil: its keys are not
// ours to choose.
func (t *tickets) serve(srv *http.Server, now time.Time) *tls.Config {
	_, h2 := srv.TLSNextProto["h2"]
	http1, wants2 := true, h2
	if p := srv.Protocols; p != nil {
		http1, wants2 = p.HTTP1(), p.HTTP2()
	}
	if !t.enabled || !plainTickets(srv.TLSConfig) || wants2 && !h2 {
		return nil
	}
	config := srv.TLSConfig.Clone()
	config.NextProtos = nextProtos(config.NextProtos, http1, wants2)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.config = config
	t.turnLocked(now)
	return config
}

// plainTickets reports whether nobody has chosen how tickets are sealed.
func plainTickets(c *tls.Config) bool {
	return c.GetConfigForClient == nil && c.WrapSession == nil && c.UnwrapSession == nil &&
		//lint:ignore SA1019 whoever sets a key means it
		!c.SessionTicketsDisabled && c.SessionTicketKey == [keySize]byte{}
}

// nextProtos is the list of protocols as ServeTLS would make it.
func nextProtos(list []string, http1, h2 bool) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(p string) bool { return p == "http/1.1" && !http1 || p == "h2" && !h2 })
	if h2 && !slices.Contains(list, "h2") {
		list = append(list, "h2")
	}
	if http1 && !slices.Contains(list, "http/1.1") {
		list = append(list, "http/1.1")
	}
	return list
}

// turn changes the keys if it is time to.
func (t *tickets) turn(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.config != nil && !now.Before(t.mu.due) {
		t.turnLocked(now)
	}
}

func (t *tickets) turnLocked(now time.Time) {
	t.mu.keys, t.mu.due = rotate(t.mu.keys, now, freshKey)
	keys := make([][keySize]byte, len(t.mu.keys))
	for i, k := range t.mu.keys {
		copy(keys[i][:], k.Key)
	}
	t.mu.config.SetSessionTicketKeys(keys) // which may be done while it serves
}

// all returns the keys that another process needs; nil: there are none.
func (t *tickets) all(now time.Time) []handover.TicketKey {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.config == nil {
		return nil
	}
	t.turnLocked(now)
	return slices.Clone(t.mu.keys)
}

// adopt takes those of another process in the place of its own, which have not
// been used yet.
func (t *tickets) adopt(keys []handover.TicketKey, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.config != nil {
		t.mu.keys = keys
		t.turnLocked(now)
	}
}

// A ticketListener asks for the time whenever a connection comes, so that no
// goroutine has to wait for the next day.
type ticketListener struct {
	net.Listener
	tickets *tickets
}

func (l ticketListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	l.tickets.turn(time.Now())
	return c, err
}

// sendTickets hands over the keys of all servers, before the new process
// accepts.
func (s *succession) sendTickets() {
	for _, p := range s.m.parts() {
		if p.server == nil {
			continue
		}
		if keys := p.server.tickets.all(time.Now()); keys != nil {
			_ = s.proc.Link.Send(handover.Message{Kind: handover.Tickets, Name: p.Name, Tickets: keys}) // step sees a failure
		}
	}
}

// takeTickets takes in the keys of the old process.
func (r *run) takeTickets(m handover.Message) {
	if p := r.m.part(m.Name); p != nil && p.server != nil {
		p.server.tickets.adopt(m.Tickets, time.Now())
	}
}
