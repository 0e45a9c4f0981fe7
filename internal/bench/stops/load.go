package main

// This file is the load on one child: workers that each make one request after
// the other, from before the signal until nobody accepts any more.

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

// protocol is one of the ways in which a child is asked.
type protocol int

const (
	keepAlive protocol = iota
	oneShot
	overH2C
	overTLS
	overGRPC

	protocols = iota
)

func (p protocol) String() string {
	return [...]string{"http/1.1 keep-alive", "http/1.1 one-shot", "h2c", "TLS h2", "grpc unary"}[p]
}

const (
	// warm is how many requests are answered before the signal, at least.
	warm = 2000
	// warmTime bounds the wait for them.
	warmTime = time.Minute
	// spread is how long after that it may come.
	spread = 100 * time.Millisecond
	// flightTime bounds the wait for a request in flight on each connection.
	flightTime = 5 * time.Second
)

// renewed is how many requests a stock client makes before it takes a new
// connection, so that some are in their handshake when the signal comes. Grpc's
// is the shortest: the others would never meet it.
var renewed = [protocols]int{overH2C: 8, overTLS: 8, overGRPC: 2}

// client makes the requests of one worker.
type client interface {
	// do makes one request, and calls sending when nothing but sending it is left
	// to do. It returns how it went, and what went wrong.
	do(body string, sending func()) (outcome, error)
	close()
}

// loss is a request that was not answered.
type loss struct {
	protocol
	outcome
	why string
}

// load is the clients of one child and what they have counted.
type load struct {
	gone   context.CancelFunc // to be called when the child is
	all    sync.WaitGroup
	counts [protocols][outcomes]atomic.Int64
	flying [protocols]atomic.Int64

	mu struct {
		sync.Mutex
		losses []loss // the first of each outcome
		told   [outcomes]int
		last   time.Time // when the last answer was complete
	}
}

// startLoad starts the clients: as many on each protocol as there shall be
// requests in flight, and some more for those that are between two requests.
func startLoad(a addresses, conns int) *load {
	gone, cancel := context.WithCancel(context.Background())
	l := &load{gone: cancel}
	dial := dialer(gone)
	for p := range protocol(protocols) {
		for i := range conns + conns/4 + 1 {
			c := newClient(p, a, dial)
			l.all.Go(func() { l.work(p, c, fmt.Sprintf("%v %d", p, i)) })
		}
	}
	return l
}

func newClient(p protocol, a addresses, dial func(addr string) (net.Conn, error)) client {
	switch p {
	case keepAlive, oneShot:
		return &http1{addr: a.web, dial: dial, keep: p == keepAlive}
	case overH2C:
		return newH2(served.H2C, a.web, dial)
	case overTLS:
		return newH2(served.TLSH2, a.tls, dial)
	default:
		return newRPC(a.rpc, dial)
	}
}

// work makes requests until one is refused.
func (l *load) work(p protocol, c client, name string) {
	defer c.close()
	for n := 0; ; n++ {
		flies := false
		o, err := c.do(fmt.Sprintf("%s request %d", name, n), func() {
			if !flies {
				flies = true
				l.flying[p].Add(1)
			}
		})
		if flies {
			l.flying[p].Add(-1)
		}
		l.count(p, o, err)
		if o == refused || o == failed {
			return
		}
		if most := renewed[p]; most > 0 && n%most == most-1 {
			c.close() // and dial with the next request
		}
	}
}

func (l *load) count(p protocol, o outcome, err error) {
	l.counts[p][o].Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch o {
	case answered:
		l.mu.last = time.Now()
	case refused:
	default:
		if l.mu.told[o]++; l.mu.told[o] <= shown {
			l.mu.losses = append(l.mu.losses, loss{p, o, withoutPorts(err)})
		}
	}
}

// ready waits for the moment of the signal, or until the machine is found to be
// too busy. It returns how many requests are in flight, on the protocol that has
// the fewest.
func (l *load) ready(conns int) int {
	limit := time.Now().Add(warmTime)
	for l.total(answered) < warm && time.Now().Before(limit) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(rand.N(spread))
	limit = time.Now().Add(flightTime)
	for l.inFlight() < conns && time.Now().Before(limit) {
		time.Sleep(50 * time.Microsecond)
	}
	return l.inFlight()
}

func (l *load) total(o outcome) (n int64) {
	for p := range l.counts {
		n += l.counts[p][o].Load()
	}
	return n
}

func (l *load) inFlight() int {
	least := l.flying[0].Load()
	for p := range l.flying {
		least = min(least, l.flying[p].Load())
	}
	return int(least)
}
