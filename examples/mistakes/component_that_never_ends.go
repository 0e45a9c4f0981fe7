package mistakes

// A component that starts a goroutine and has no way to end it.

import "context"

// QueueWrong runs what it is given, for as long as the process lives.
type QueueWrong struct{ jobs chan func() }

// NewQueueWrong starts a goroutine that nobody can end.
func NewQueueWrong() *QueueWrong {
	q := &QueueWrong{make(chan func())}
	go func() {
		for job := range q.jobs {
			job()
		}
	}()
	return q
}

// QueueRight starts nothing: Run is for its owner to call, and to end.
type QueueRight struct{ jobs chan func() }

// NewQueueRight returns a queue that waits for its Run.
func NewQueueRight() *QueueRight { return &QueueRight{make(chan func())} }

// Run runs jobs until ctx is done: graceful.Func("queue", q.Run).
func (q *QueueRight) Run(ctx context.Context, ready func()) error {
	ready()
	for {
		select {
		case job := <-q.jobs:
			job()
		case <-ctx.Done():
			return nil
		}
	}
}
