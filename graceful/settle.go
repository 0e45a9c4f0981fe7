package graceful

// How long a silence must last to mean something.

import (
	"context"
	"time"
)

const (
	// settle is how long a connection may be silent after a stop began
	// before it counts as having nothing to say.
	settle = 50 * time.Millisecond

	// hush is how long a connection that has never sent anything may be
	// silent after accepting has ended, while others have requests: longer
	// than any round trip. It need not be among those that are closed at the
	// very end.
	hush = 4 * settle

	// step is how often a silence is looked at. On a machine so busy that a
	// step ends late by another, a client may have had no chance to speak:
	// the silence is measured anew, for settleMost at most.
	step       = settle / 5
	settleMost = time.Second
)

// late reports whether a wait that was due to end at due ended at now because
// the machine is busy.
func late(due, now time.Time) bool { return now.Sub(due) > step }

// sleepSettle waits for a settle time, or for the end of ctx.
func sleepSettle(ctx context.Context) {
	began := time.Now()
	for left := settle / step; left > 0 && ctx.Err() == nil; left-- {
		due := time.Now().Add(step)
		_ = waitChange(ctx, nil, step)
		if now := time.Now(); late(due, now) && now.Sub(began) < settleMost {
			left = settle/step + 1
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
