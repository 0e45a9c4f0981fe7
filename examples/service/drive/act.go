package drive

// What is done to a server under load, as a table: a new act is a new row.

import "context"

// kind says how the server child stops.
type kind int

const (
	plain kind = iota // Shutdown and GracefulStop, as their docs show
	belay
)

var kinds = [...]kind{plain, belay}

func (k kind) String() string { return [...]string{"plain", "belay"}[k] }

// controlTries is how often an act is tried on the plain server, all its
// rounds again, until it has lost something.
const controlTries = 3

// act is one thing that is done to a server while it is under load.
type act struct {
	title, titles string // one of it, and several
	// rounds is how often it is done, each time to a new server, or to a
	// new generation of one.
	rounds int
	// disturb does it. All clients have a request in flight when it is
	// called, and the load goes on until each of them has been refused.
	disturb func(context.Context, *child) error
}

var acts = []act{
	{
		title:   "stop under load",
		titles:  "stops under load",
		rounds:  3,
		disturb: func(_ context.Context, c *child) error { return c.stop() },
	},
}

// env tells a child which kind of server it is.
func (k kind) env() []string {
	if k == plain {
		return []string{"SERVICE_STOP=plain"}
	}
	return nil
}
