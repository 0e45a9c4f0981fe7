package mistakes

// A deferred cancel in a loop.

import (
	"context"
	"time"
)

// ProbeWrong keeps the context and the timer of each round until the last.
func ProbeWrong(ctx context.Context, hosts []string, ping func(context.Context, string)) {
	for _, host := range hosts {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		ping(ctx, host)
	}
}

// ProbeRight has a function for the round.
func ProbeRight(ctx context.Context, hosts []string, ping func(context.Context, string)) {
	for _, host := range hosts {
		probeOne(ctx, host, ping)
	}
}

func probeOne(ctx context.Context, host string, ping func(context.Context, string)) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	ping(ctx, host)
}
