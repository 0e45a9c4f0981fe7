package mistakes

// A ticker that is stopped, and a loop over it that isn't.

import (
	"context"
	"time"

	"github.com/belay-go/belay/timeout"
)

// PollWrong returns what is to end it, and doesn't: Stop closes no channel.
func PollWrong(every time.Duration, poll func()) (stop func()) {
	ticker := time.NewTicker(every)
	go func() {
		for range ticker.C {
			poll()
		}
	}()
	return ticker.Stop
}

// PollRight ends with ctx, and there is nothing to stop.
func PollRight(ctx context.Context, every time.Duration, poll func()) {
	ticker := timeout.Ticker{Every: every}
	for range ticker.Ticks(ctx) {
		poll()
	}
}

// DropTicker forgets a running ticker: a leak until Go 1.22, and none since.
func DropTicker(forget func(*time.Ticker)) {
	forget(time.NewTicker(time.Hour))
}
