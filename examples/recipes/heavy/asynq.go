package heavy

// github.com/hibiken/asynq: tasks that end, or go back to their queue in time.

import (
	"context"
	"time"

	"github.com/hibiken/asynq"

	"github.com/belay-go/belay/graceful"
)

// asynqWait is how long asynq waits for its tasks before it puts them back. Its
// default is 8 s, whatever time there is.
const asynqWait = 8 * time.Second

// Asynq works tasks; don't call the server's Run, which waits for signals.
// Shutdown takes no context: it waits for as long as its configuration says,
// then puts unfinished tasks back to the queue, so the component's limit has to
// leave time for that. Start does not connect; Ping does.
func Asynq(redis asynq.RedisConnOpt, cfg asynq.Config, h asynq.Handler) graceful.Component {
	tasks, cancel := context.WithCancel(context.Background())
	cfg.BaseContext = func() context.Context { return tasks }
	cfg.ShutdownTimeout = asynqWait
	srv := asynq.NewServer(redis, cfg) // connects to nothing yet
	return graceful.Component{
		Name:  "asynq",
		Limit: asynqWait + 2*time.Second,
		Start: func(context.Context) error {
			if err := srv.Ping(); err != nil {
				return err
			}
			return srv.Start(h)
		},
		Stop: func(context.Context) error { srv.Shutdown(); return nil },
		Cut:  cancel,
	}
}
