// Package misses has timers that are waited for, or that are few.
package misses

import (
	"context"
	"time"
)

// A sleep that a context can end.
func sleeps(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// The context's end is looked at later: still nothing that comes in each round.
func looksLater(ctx context.Context) {
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-time.After(time.Second):
		}
	}
}

// So with a channel that is closed at the end.
func condition(closeCh <-chan struct{}, running func() bool) {
	for running() {
		select {
		case <-closeCh:
		case <-time.After(time.Second):
		}
	}
}

// Each other case leaves the loop.
func leaves(done chan struct{}, results chan int) int {
	for {
		select {
		case <-done:
			return 0
		case r := <-results:
			if r < 0 {
				panic(r)
			}
			return r
		case <-time.After(time.Second):
			println("still waiting")
		}
	}
}

func fewRounds(in <-chan int) {
	for i := 0; i < 3; i++ {
		select {
		case <-in:
		case <-time.After(time.Second):
		}
	}
	for range 3 {
		select {
		case <-in:
		case <-time.After(time.Second):
		}
	}
	for _, d := range []time.Duration{1, 2} {
		select {
		case <-in:
		case <-time.After(d):
		}
	}
	var waits [4]time.Duration
	for _, d := range waits {
		select {
		case <-in:
		case <-time.After(d):
		}
	}
}

func noLoop(in <-chan int) {
	select {
	case <-in:
	case <-time.After(time.Second):
	}
}

// The function starts anew in each round: its select has no loop.
func ownFunction(in <-chan int) {
	for {
		func() {
			select {
			case <-in:
			case <-time.After(time.Second):
			}
		}()
	}
}

// Nobody waits for the timer: another mistake.
func withDefault(in <-chan int) {
	for {
		select {
		case <-in:
		case <-time.After(time.Second):
		default:
		}
	}
}

// One timer for all rounds.
func oneDeadline(in <-chan int) {
	timeout := time.After(time.Minute)
	for {
		select {
		case <-in:
		case <-timeout:
			return
		}
	}
}

type clock struct{}

func (clock) After(time.Duration) <-chan time.Time { return nil }

// A clock of one's own may well keep its timers.
func ownClock(in <-chan int, c clock) {
	for {
		select {
		case <-in:
		case <-c.After(time.Second):
		}
	}
}
