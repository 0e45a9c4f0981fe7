package heavy

// github.com/riverqueue/river: jobs that end, and a cut that jobs hear of.

import (
	"context"

	"github.com/riverqueue/river"

	"github.com/belay-go/belay/graceful"
)

// River works jobs. Its Start keeps the context for the jobs: with the one that
// the manager gives, which ends when a stop begins, every job would be cancelled
// at the first instant of the stop. So the jobs get a context of their own, and
// the manager's only gives up a Start that has not come through.
//
// Stop fetches no new jobs and waits; the cut cancels those that run, and waits
// for them again, so that one that does not heed it is reported as stuck.
func River[TTx any](client *river.Client[TTx]) graceful.Component {
	jobs, cancel := context.WithCancel(context.Background())
	return graceful.Component{
		Name: "river",
		Start: func(ctx context.Context) error {
			defer context.AfterFunc(ctx, cancel)()
			return client.Start(jobs)
		},
		Stop: client.Stop,
		Cut: func() {
			cancel()
			_ = client.Stop(context.Background())
		},
	}
}
