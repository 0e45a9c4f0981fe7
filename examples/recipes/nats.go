package recipes

// github.com/nats-io/nats.go: a connection that drains: first the
// subscriptions, then what their handlers have published.

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/belay-go/belay/graceful"
)

// natsDrain is how long nats may drain. Its default of 30 s is longer than a
// stop of Kubernetes.
const natsDrain = 8 * time.Second

// NATS connects and subscribes, and drains at the stop. Drain only begins the
// drain, and Close forgets what is queued: it is over when the connection has
// told that it is closed.
func NATS(url string, subscribe func(*nats.Conn) error) graceful.Component {
	var nc *nats.Conn
	closed := make(chan struct{})
	return graceful.Component{
		Name:  "nats",
		Limit: natsDrain + time.Second,
		Start: func(context.Context) (err error) {
			nc, err = nats.Connect(url, nats.DrainTimeout(natsDrain),
				nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
			if err != nil {
				return err
			}
			if err = subscribe(nc); err != nil {
				nc.Close() // a start that fails is not stopped
			}
			return err
		},
		Stop: func(ctx context.Context) error {
			if err := nc.Drain(); err != nil {
				return err
			}
			select {
			case <-closed:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		Cut: func() { nc.Close() },
	}
}
