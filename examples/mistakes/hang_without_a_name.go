package mistakes

// A stop that hangs, and nobody knows where.

import (
	"context"
	"time"

	"github.com/belay-go/belay/graceful"
)

// StopWrong can say that something hangs, and not what.
func StopWrong(limit time.Duration, stops ...func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, stop := range stops {
			stop()
		}
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// StopRight stops all of them at once, and its report names the one that hangs,
// the function and the line.
func StopRight(ctx context.Context, o graceful.Options, stops map[string]func()) graceful.Report {
	m := graceful.New(o)
	for name, stop := range stops {
		m.Add(1, graceful.Component{Name: name, Stop: func(context.Context) error { stop(); return nil }})
	}
	report, _ := m.Run(ctx) // the report has the errors, too
	return report
}
