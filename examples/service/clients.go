package main

// A rate for each client, in bounded memory: however many addresses there
// are, no more than two generations of them are remembered.

import (
	"sync"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter/rate"
)

// generation is the number of clients after which a new generation begins.
const generation = 1024

// clients holds one token bucket per client. A client that was seen in this
// generation or the one before keeps its bucket; who comes back later starts
// with a full one. Buckets are thus forgotten without a clock or a sweeper,
// and to have its own forgotten a client needs as many other addresses as a
// generation has.
//
// It is safe for concurrent use.
type clients struct {
	perSecond int

	mu struct {
		sync.Mutex
		young, old map[string]*rate.Limiter // a client is in one of them
		forgotten  belay.Stats              // of the buckets that are in neither
	}
}

// newClients allows each client perSecond requests a second, and as many at
// once after a pause.
func newClients(perSecond int) *clients {
	c := &clients{perSecond: perSecond}
	c.mu.young = make(map[string]*rate.Limiter)
	return c
}

// of returns the bucket of a client.
func (c *clients) of(client string) *rate.Limiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.mu.young[client]; l != nil {
		return l
	}
	l := c.mu.old[client]
	delete(c.mu.old, client)
	if l == nil {
		l = rate.NewLimiter(rate.Limit(c.perSecond), c.perSecond)
	}
	if len(c.mu.young) == generation {
		sum(&c.mu.forgotten, c.mu.old)
		c.mu.old, c.mu.young = c.mu.young, make(map[string]*rate.Limiter)
	}
	c.mu.young[client] = l
	return l
}

// stats has for all clients together what [rate.Limiter.Stats] has for one.
func (c *clients) stats() belay.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := c.mu.forgotten
	sum(&stats, c.mu.young)
	sum(&stats, c.mu.old)
	return stats
}

func sum(stats *belay.Stats, buckets map[string]*rate.Limiter) {
	for _, l := range buckets {
		s := l.Stats()
		stats.Total += s.Total
		stats.Refused += s.Refused
	}
}
