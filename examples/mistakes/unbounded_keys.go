package mistakes

// A map of limiters with an entry for each key that somebody thinks of.

import (
	"sync"

	"github.com/belay-go/belay/limiter/keyed"
	"github.com/belay-go/belay/limiter/rate"
)

// ClientsWrong grows by a limiter for each name of a client.
type ClientsWrong struct {
	mu     sync.Mutex
	limits map[string]*rate.Limiter
}

// Allow says whether client may go on.
func (c *ClientsWrong) Allow(client string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limits == nil {
		c.limits = map[string]*rate.Limiter{}
	}
	limit := c.limits[client]
	if limit == nil {
		limit = rate.NewLimiter(10, 20)
		c.limits[client] = limit
	}
	return limit.Allow()
}

// ClientsRight has a table that never grows, and drops nobody who has used
// something up.
type ClientsRight struct{ limits *keyed.Rate[string] }

// NewClientsRight has room for ten thousand clients at a time.
func NewClientsRight() *ClientsRight {
	return &ClientsRight{keyed.NewRate[string](keyed.RateOptions{Keys: 10_000, Limit: 10, Burst: 20})}
}

// Allow says whether client may go on.
func (c *ClientsRight) Allow(client string) bool { return c.limits.For(client).Allow() }
