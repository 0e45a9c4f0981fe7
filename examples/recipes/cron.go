package recipes

// github.com/robfig/cron: no job begins after the stop has, and those that run
// are waited for.

import (
	"context"

	"github.com/robfig/cron/v3"

	"github.com/belay-go/belay/graceful"
)

// Cron runs a schedule. Its Stop does not wait: it returns a context that is
// done when the last job is. Jobs get no context from cron, so one that takes
// long needs one of its own, which cut ends.
func Cron(c *cron.Cron, cut context.CancelFunc) graceful.Component {
	return graceful.Component{
		Name:  "cron",
		Start: func(context.Context) error { c.Start(); return nil },
		Stop: func(ctx context.Context) error {
			jobs := c.Stop()
			select {
			case <-jobs.Done():
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		Cut: cut,
	}
}
