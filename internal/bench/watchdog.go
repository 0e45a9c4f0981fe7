package main

// This file compares timeout.Watchdog with a time.Timer that every event resets,
// and timeout.Ticker with time.Ticker.

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/belay-go/belay/timeout"
)

// idle is how long nothing may happen: long enough that nothing fires.
const idle = time.Minute

func watchdogRows() []row {
	return []row{
		{
			shape:  "an event",
			peer:   "time.Timer's Reset",
			target: 30,
			theirs: func(n int) { withTimer(func(t *time.Timer) { resets(t, n) }) },
			ours:   func(n int) { withDog(idle, func(w *timeout.Watchdog) { touches(w, n) }) },
		},
		{
			shape:  "an event, 2 goroutines",
			peer:   "time.Timer's Reset",
			target: 30,
			theirs: func(n int) {
				withTimer(func(t *time.Timer) { twice(func() { resets(t, n/2+1) }) })
			},
			ours: func(n int) {
				withDog(idle, func(w *timeout.Watchdog) { twice(func() { touches(w, n/2+1) }) })
			},
		},
		{
			// It looks every 62 µs, so that this is what looking costs as well.
			shape:  "an event, and an idle of 1 ms",
			peer:   "time.Timer's Reset",
			target: 30,
			theirs: func(n int) { withTimer(func(t *time.Timer) { resets(t, n) }) },
			ours:   func(n int) { withDog(time.Millisecond, func(w *timeout.Watchdog) { touches(w, n) }) },
		},
		{
			shape:  "a call in flight",
			peer:   "time.Timer's Stop and Reset",
			target: 2,
			theirs: func(n int) {
				withTimer(func(t *time.Timer) {
					for range n {
						t.Stop()
						t.Reset(idle)
					}
				})
			},
			ours: func(n int) { withDog(idle, func(w *timeout.Watchdog) { calls(w, n) }) },
		},
		{
			shape: "calls in flight, 2 goroutines",
			peer:  "mutex, counter and Timer",
			theirs: func(n int) {
				withTimer(func(t *time.Timer) {
					var mu sync.Mutex
					inFlight := 0
					twice(func() {
						for range n/2 + 1 {
							mu.Lock()
							if inFlight++; inFlight == 1 {
								t.Stop()
							}
							mu.Unlock()
							mu.Lock()
							if inFlight--; inFlight == 0 {
								t.Reset(idle)
							}
							mu.Unlock()
						}
					})
				})
			},
			ours: func(n int) {
				withDog(idle, func(w *timeout.Watchdog) { twice(func() { calls(w, n/2+1) }) })
			},
		},
		{
			shape: "a Start and a Stop",
			peer:  "time.AfterFunc and Stop",
			theirs: func(n int) {
				for range n {
					time.AfterFunc(idle, func() {}).Stop()
				}
			},
			ours: func(n int) {
				w := timeout.Watchdog{Idle: idle, Func: func() {}}
				for range n {
					w.Start()
					w.Stop()
				}
			},
		},
		tickerRow("a tick that is due", time.Nanosecond, 0),
		// Each side waits out its periods, so this is 1 for who is never so
		// late that a tick is missed.
		tickerRow("a tick that is waited for", time.Millisecond, .9),
	}
}

func withTimer(f func(*time.Timer)) {
	t := time.AfterFunc(idle, func() {})
	defer t.Stop()
	f(t)
}

func resets(t *time.Timer, n int) {
	for range n {
		t.Reset(idle)
	}
}

func withDog(idle time.Duration, f func(*timeout.Watchdog)) {
	w := timeout.Watchdog{Idle: idle, Func: func() {}}
	w.Start()
	defer w.Stop()
	f(&w)
}

func touches(w *timeout.Watchdog, n int) {
	for range n {
		w.Touch()
	}
}

func calls(w *timeout.Watchdog, n int) {
	for range n {
		w.Begin()
		w.End()
	}
}

// twice calls f on two goroutines at once.
func twice(f func()) {
	var both sync.WaitGroup
	for range 2 {
		both.Go(f)
	}
	both.Wait()
}

// tickerRow takes n ticks of each, under a context, and sees that ours allocate
// nothing.
func tickerRow(shape string, every time.Duration, target float64) row {
	ours := func(n int) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		ticker := timeout.Ticker{Every: every}
		for range n {
			_ = ticker.Wait(ctx)
		}
	}
	return row{
		shape:  shape,
		peer:   "time.Ticker in a select",
		target: target,
		theirs: func(n int) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ticker := time.NewTicker(every)
			defer ticker.Stop()
			for range n {
				select {
				case <-ticker.C:
				case <-ctx.Done():
				}
			}
		},
		ours: ours,
		check: func(n int) (string, bool) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ours(n)
			runtime.ReadMemStats(&after)
			// The context and the first timer, and what else runs here.
			allocs := after.Mallocs - before.Mallocs
			return fmt.Sprintf("%d allocations in %d ticks", allocs, n), allocs < 50
		},
	}
}
