package heavy

// go.temporal.io/sdk/worker: activities that end, and a worker whose failure is
// heard of.

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/belay-go/belay/graceful"
)

// temporalWait is how long a stop waits for activities. Temporal's default is
// not to wait at all: their contexts end at once.
const temporalWait = 8 * time.Second

// Temporal runs a worker; don't call its Run, which waits for signals. The
// worker gives up by itself, for example two minutes after its namespace is
// gone: OnFatalError is told and nobody else, and the process would live on idle.
// An activity can look at activity.GetWorkerStopChannel to come to an end.
func Temporal(c client.Client, queue string, register func(worker.Registry)) graceful.Component {
	fatal := make(chan error, 1) // it is told once
	w := worker.New(c, queue, worker.Options{
		WorkerStopTimeout: temporalWait,
		OnFatalError:      func(err error) { fatal <- err },
	})
	register(w)
	return graceful.Component{
		Name:  "temporal",
		Limit: temporalWait + 2*time.Second,
		Start: func(context.Context) error { return w.Start() },
		Run: func(ctx context.Context, ready func()) error {
			ready()
			select {
			case err := <-fatal:
				return err
			case <-ctx.Done():
				return nil
			}
		},
		Stop: func(context.Context) error { w.Stop(); return nil },
	}
}
