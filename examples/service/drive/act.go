package drive

// What is done to a server under load, as a table: a new act is a new row.

import (
	"context"
	"time"
)

// kind says how the server child stops.
type kind int

const (
	plain kind = iota // Shutdown and GracefulStop, as their docs show
	belay
)

var kinds = [...]kind{plain, belay}

func (k kind) String() string { return [...]string{"plain", "belay"}[k] }

// probation is how long a replaced process of ours could come back. By then most
// of its clients have gone to the new one; so it is short here.
const probation = 250 * time.Millisecond

// controlTries is how often an act is tried on the plain server, all its
// rounds again, until it has lost something.
const controlTries = 3

// act is one thing that is done to a server while it is under load.
type act struct {
	title, titles string // one of it, and several
	// rounds is how often it is done, each time to a new server, or to a
	// new generation of one.
	rounds int
	// times is how often disturb does it to one server.
	times int
	// disturb does it. All clients have a request in flight when it is
	// called. If it ends the server, the load goes on until each of them has
	// been refused; otherwise it is told to end, and then the server is.
	disturb func(context.Context, *child) error
	ends    bool
}

// total is how often it is done in all rounds.
func (a act) total() int { return a.rounds * a.times }

var acts = []act{
	{
		title:   "restarts under load",
		titles:  "restarts under load",
		rounds:  1,
		times:   3,
		disturb: func(ctx context.Context, c *child) error { return c.restart(ctx) },
	},
	{
		title:   "stop under load",
		titles:  "stops under load",
		rounds:  3,
		times:   1,
		disturb: func(_ context.Context, c *child) error { return c.stop() },
		ends:    true,
	},
}

// env tells a child which kind of server it is.
func (k kind) env() []string {
	if k == plain {
		return []string{"SERVICE_STOP=plain"}
	}
	return []string{"SERVICE_PROBATION=" + probation.String()}
}
