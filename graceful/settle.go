package graceful

// How long a silence must last to mean something.

import (
	"context"
	"errors"
	"time"
)

const (
	// settle is how long a connection may be silent after a stop began
	// before it counts as having nothing to say.
	settle = 50 * time.Millisecond

	// hush is how long a connection that has never sent anything may be
	// silent after accepting has ended, while others have requests: longer
	// than most round trips. It need not be among those that are closed at the
	// very end.
	hush = 3 * settle

	// slowest is how long a client that speaks h2 may be silent between two requests,
	// while others send one after another: on a machine with more to do than it has
	// processors for, its turn may be that far away.
	slowest = 5 * settle

	// forbearance is how long both may be silent in a process that another one
	// has taken the place of: nobody waits for its end, and a client that comes
	// back to an idle connection finds it served.
	forbearance = 2 * time.Second

	// step is how often a silence is looked at. On a machine so busy that a
	// step ends late by another, a client may have had no chance to speak:
	// the silence is measured anew, for settleMost at most.
	step       = settle / 5
	settleMost = time.Second
)

// late reports whether a wait that was due to end at due ended at now because
// the machine is busy.
func late(due, now time.Time) bool { return now.Sub(due) > step }

// lasting is how long a silence must last in a stop with that cause.
func lasting(cause error) time.Duration {
	if errors.Is(cause, ErrRestarted) {
		return forbearance
	}
	return settle
}

// awaitSettled waits for a silence to have lasted, for the end of ctx, or for a
// change after which it is done.
func awaitSettled(ctx context.Context, changed <-chan struct{}, lasting time.Duration, done func() bool) {
	began := time.Now()
	for due := began.Add(lasting); !done() && ctx.Err() == nil; {
		now := time.Now()
		if !now.Before(due) {
			return
		}
		next := now.Add(min(step, due.Sub(now)))
		_ = waitChange(ctx, changed, next.Sub(now)) // looked at above
		if end := time.Now(); late(next, end) && end.Sub(began) < settleMost {
			due = end.Add(lasting)
		}
	}
}

// waitChange waits for a change, for d if that is not zero, or for ctx's end,
// whose cause it returns.
func waitChange(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	var over <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-changed:
	case <-over:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
