package main

// A rate for each client, in bounded memory: however many addresses there
// are, no more than two generations of them are remembered.

import (
	"sync"
	"sync/atomic"
	"time"

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

	// What all buckets have counted, those included that are forgotten.
	allowed, refused atomic.Uint64

	mu struct {
		sync.Mutex
		young, old map[string]*rate.Limiter
	}
}

// newClients allows each client perSecond requests a second, and as many at
// once after a pause.
func newClients(perSecond int) *clients {
	c := &clients{perSecond: perSecond}
	c.mu.young = make(map[string]*rate.Limiter)
	return c
}

// allow takes a token of the client, or says how long it is until there is
// one. It doesn't reserve that one: who is turned away may never come back.
func (c *clients) allow(client string) (wait time.Duration, ok bool) {
	bucket := c.bucket(client)
	if bucket.Allow() {
		c.allowed.Add(1)
		return 0, true
	}
	c.refused.Add(1)
	missing := max(0, 1-bucket.Tokens()) // time has passed since
	return time.Duration(missing / float64(c.perSecond) * float64(time.Second)), false
}

// stats has for all clients together what [rate.Limiter.Stats] has for one.
func (c *clients) stats() belay.Stats {
	return belay.Stats{Total: c.allowed.Load(), Refused: c.refused.Load()}
}

func (c *clients) bucket(client string) *rate.Limiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.mu.young[client]; l != nil {
		return l
	}
	l := c.mu.old[client]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(c.perSecond), c.perSecond)
	}
	if len(c.mu.young) == generation {
		c.mu.old, c.mu.young = c.mu.young, make(map[string]*rate.Limiter)
	}
	c.mu.young[client] = l
	return l
}
