package timeout_test

// This file shows what the Ticker and each of its methods is for.

import (
	"context"
	"fmt"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout"
)

// The classic loop has a ticker to stop, a select to write, a first round that
// comes a period too late, and a context that is only looked at by chance when
// a tick is there too. This one has none of these.
func ExampleTicker() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	poll := timeout.Ticker{Every: time.Millisecond, Immediate: true}
	rounds := 0
	for range poll.Ticks(ctx) {
		if rounds++; rounds == 3 {
			cancel()
		}
	}
	fmt.Println(rounds, "rounds, and then:", context.Cause(ctx))
	// Output: 3 rounds, and then: context canceled
}

// Ten servers that were started together would poll together for ever. With
// Jitter they don't, and yet none of them polls more or less often.
func ExampleTicker_jitter() {
	poll := timeout.Ticker{Every: 2 * time.Millisecond, Jitter: time.Millisecond, Burst: -1}
	var first, last time.Time
	for tick := range poll.Ticks(context.Background()) {
		if first.IsZero() {
			first = tick
		}
		if last = tick; last.Sub(first) > 15*time.Millisecond {
			break
		}
	}
	fmt.Println("after eight periods:", last.Sub(first).Round(2*time.Millisecond))
	// Output: after eight periods: 16ms
}

// A service that asks for no more than one request in a period means it: on a
// grid, the tick after a late one would come too soon.
func ExampleTicker_delay() {
	ctx := context.Background()
	polite := timeout.Ticker{Every: 2 * time.Millisecond, Delay: true}
	if polite.Wait(ctx) != nil {
		return
	}
	time.Sleep(3 * time.Millisecond) // the first request takes longer than that
	asked := time.Now()
	if polite.Wait(ctx) == nil && polite.Wait(ctx) == nil {
		fmt.Println("a whole period between the next two:", time.Since(asked) >= polite.Every)
	}
	// Output: a whole period between the next two: true
}

// A round that can't be before the deadline is reported while there is still
// time for something else.
func ExampleTicker_Wait() {
	heartbeat := timeout.Ticker{Every: time.Hour}
	ctx, cancel := ctxutil.ShrinkNamed(context.Background(), "shutdown", time.Minute)
	defer cancel()

	err := heartbeat.Wait(ctx)
	fmt.Println("in time:", ctx.Err() == nil)
	_, late := err.(*ctxutil.TimeoutError)
	fmt.Println("no tick until then:", late)
	// Output:
	// in time: true
	// no tick until then: true
}

// Each tick is the time when it was due, so that a round can tell how late it
// is, and a report is of the hour that it is for, whenever it is written.
func ExampleTicker_Ticks() {
	ticker := timeout.Ticker{Every: time.Millisecond, Burst: -1}
	var first time.Time
	n := 0
	for due := range ticker.Ticks(context.Background()) {
		if first.IsZero() {
			first = due
			time.Sleep(5 * time.Millisecond) // the ticks of that time are made up for
		}
		fmt.Println("report for", due.Sub(first))
		if n++; n == 4 {
			break
		}
	}
	// Output:
	// report for 0s
	// report for 1ms
	// report for 2ms
	// report for 3ms
}

// A time.Ticker whose user is too slow drops ticks, and nobody knows.
func ExampleTicker_Dropped() {
	ctx := context.Background()
	sample := timeout.Ticker{Every: time.Millisecond}
	for range 2 {
		if sample.Wait(ctx) == nil {
			time.Sleep(10 * time.Millisecond) // much longer than the period
		}
	}
	fmt.Println("samples are missing:", sample.Dropped() > 0)
	// Output: samples are missing: true
}
