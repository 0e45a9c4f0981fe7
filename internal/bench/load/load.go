// Package load puts load on servers over http/1.1, h2c, TLS h2 and grpc, with
// clients that don't try again, and counts what became of each request.
package load

// This file is the load on one server: workers that each make one request after
// the other.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/internal/bench/served"
)

// Protocol is one of the ways in which a server is asked.
type Protocol int

const (
	KeepAlive Protocol = iota
	OneShot
	OverH2C
	OverTLS
	OverGRPC
	OverStream

	Protocols = iota
)

func (p Protocol) String() string {
	return [...]string{"http/1.1 keep-alive", "http/1.1 one-shot", "h2c", "TLS h2", "grpc unary", "grpc stream"}[p]
}

const (
	// Warm is how many requests are answered before something is done to the
	// server, at least, and WarmTime bounds the wait for them.
	Warm     = 2000
	WarmTime = time.Minute
	// spread is how long after that it may come.
	spread = 100 * time.Millisecond
	// flightTime bounds the wait for a request in flight on each connection.
	flightTime = 5 * time.Second
	// shown is how many losses are kept, of each outcome.
	shown = 10
)

// renewed is how many requests a stock client makes before it takes a new
// connection, so that some are in their handshake when the signal comes. Grpc's
// is the shortest: the others would never meet it.
var renewed = [Protocols]int{OverH2C: 8, OverTLS: 8, OverGRPC: 2}

// Addresses are where a server is asked.
type Addresses struct{ Web, TLS, RPC string }

// client makes the requests of one worker.
type client interface {
	// do makes one request, and calls sending when nothing but sending it is left
	// to do. It returns how it went, and what went wrong.
	do(body string, sending func()) (Outcome, error)
	close()
}

// Loss is a request that was not answered.
type Loss struct {
	Protocol
	Outcome
	Why string
}

// Load is the clients of one server and what they have counted.
type Load struct {
	// Gone is to be called when the server is: what is dialled then is refused.
	Gone context.CancelFunc

	lasting bool        // the server is to stay: who is refused has lost a request
	over    atomic.Bool // nobody makes another request
	seen    func(Protocol, time.Time, time.Duration)

	all    sync.WaitGroup
	counts [Protocols][Outcomes]atomic.Int64
	flying [Protocols]atomic.Int64

	mu struct {
		sync.Mutex
		losses []Loss // the first of each outcome
		told   [Outcomes]int
		last   time.Time // when the last answer was complete
		stalls [Protocols]time.Duration
	}
}

// Start starts the clients: as many on each protocol as there shall be requests
// in flight, and some more for those that are between two requests. Each ends
// with its first refusal.
func Start(a Addresses, conns int) *Load { return start(a, conns, &Load{}) }

// StartLasting starts clients that go on until Finish, whatever happens: for a
// server that is never to be seen to stop, so that a refusal is a loss. seen, if
// not nil, is told of every answer: when it came, and how long it took.
func StartLasting(a Addresses, conns int, seen func(p Protocol, at time.Time, took time.Duration)) *Load {
	return start(a, conns, &Load{lasting: true, seen: seen})
}

func start(a Addresses, conns int, l *Load) *Load {
	gone, cancel := context.WithCancel(context.Background())
	l.Gone = cancel
	dial := dialer(gone)
	for p := range Protocol(Protocols) {
		for i := range conns + conns/4 + 1 {
			c := newClient(p, a, dial)
			l.all.Go(func() { l.work(p, c, fmt.Sprintf("%v %d", p, i)) })
		}
	}
	return l
}

func newClient(p Protocol, a Addresses, dial func(addr string) (net.Conn, error)) client {
	switch p {
	case KeepAlive, OneShot:
		return &http1{addr: a.Web, dial: dial, keep: p == KeepAlive}
	case OverH2C:
		return newH2(served.H2C, a.Web, dial)
	case OverTLS:
		return newH2(served.TLSH2, a.TLS, dial)
	default:
		return newRPC(a.RPC, dial, p == OverStream)
	}
}

// work makes requests until one is refused, or the load is over.
func (l *Load) work(p Protocol, c client, name string) {
	defer c.close()
	var last time.Time // answer
	for n := 0; !l.over.Load(); n++ {
		flies, began := false, time.Now()
		o, err := c.do(fmt.Sprintf("%s request %d", name, n), func() {
			if !flies {
				flies = true
				l.flying[p].Add(1)
			}
		})
		if flies {
			l.flying[p].Add(-1)
		}
		if o == Refused && l.lasting {
			o = Lost
		}
		l.count(p, o, err)
		if o == Answered {
			last = l.answered(p, began, last)
		}
		if o == Refused || o == Failed {
			return
		}
		if most := renewed[p]; most > 0 && n%most == most-1 {
			c.close() // and dial with the next request
		}
	}
}

// answered takes the time of an answer, and returns it.
func (l *Load) answered(p Protocol, began, last time.Time) time.Time {
	now := time.Now()
	if l.seen != nil {
		l.seen(p, now, now.Sub(began))
	}
	if !last.IsZero() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.mu.stalls[p] = max(l.mu.stalls[p], now.Sub(last))
	}
	return now
}

func (l *Load) count(p Protocol, o Outcome, err error) {
	l.counts[p][o].Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch o {
	case Answered:
		l.mu.last = time.Now()
	case Refused:
	default:
		if l.mu.told[o]++; l.mu.told[o] <= shown {
			l.mu.losses = append(l.mu.losses, Loss{p, o, withoutPorts(err)})
		}
	}
}

// Ready waits for the moment in which to do something to the server, or until
// the machine is found to be too busy. It returns how many requests are in
// flight, on the protocol that has the fewest.
func (l *Load) Ready(conns int) int {
	limit := time.Now().Add(WarmTime)
	for l.Total(Answered) < Warm && time.Now().Before(limit) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(rand.N(spread))
	limit = time.Now().Add(flightTime)
	for l.InFlight() < conns && time.Now().Before(limit) {
		time.Sleep(50 * time.Microsecond)
	}
	return l.InFlight()
}

// Finish ends the load: each worker reads the answer that it waits for.
func (l *Load) Finish() {
	l.over.Store(true)
	l.all.Wait()
}

// Wait waits until every worker has been refused.
func (l *Load) Wait() { l.all.Wait() }

// Count returns how many requests over p came to o.
func (l *Load) Count(p Protocol, o Outcome) int64 { return l.counts[p][o].Load() }

// Total returns how many requests came to o.
func (l *Load) Total(o Outcome) (n int64) {
	for p := range l.counts {
		n += l.counts[p][o].Load()
	}
	return n
}

// InFlight returns how many requests are in flight, on the protocol that has the
// fewest.
func (l *Load) InFlight() int {
	least := l.flying[0].Load()
	for p := range l.flying {
		least = min(least, l.flying[p].Load())
	}
	return int(least)
}

// Losses returns some of the requests that were not answered.
func (l *Load) Losses() []Loss {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.losses
}

// Last returns when the last answer was complete.
func (l *Load) Last() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.last
}

// Stall returns the longest time between two answers to one worker.
func (l *Load) Stall() (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.mu.stalls {
		longest = max(longest, d)
	}
	return longest
}
