package main

// This file compares limiter/rate with x/time's rate.

import (
	"context"
	"fmt"
	"time"

	xrate "golang.org/x/time/rate"

	"github.com/belay-go/belay/limiter/rate"
)

// plenty is a burst that does not run out, and none one that never has anything.
const (
	plenty = 1 << 30
	none   = 0
)

func rateRows() []row {
	ctx, cancel := context.WithCancel(context.Background())
	rows := []row{
		allows("Allow", 1, plenty, 2, rate.NewLimiter),
		allows("Allow denied", 1, none, 2, rate.NewLimiter),
		allows("Allow", 64, plenty, 0, rate.NewLimiter),
		allows("Allow denied", 64, none, 0, rate.NewLimiter),
		{
			shape:  "Reserve, 1 goroutine",
			peer:   "x/time",
			target: 1,
			theirs: func(n int) {
				l := xrate.NewLimiter(1e9, plenty)
				for range n {
					if !l.Reserve().OK() {
						panic("no tokens")
					}
				}
			},
			ours: func(n int) {
				l := rate.NewLimiter(1e9, plenty)
				for range n {
					if !l.Reserve().OK() {
						panic("no tokens")
					}
				}
			},
		},
		waits("Wait, 1 goroutine", ctx, 1.5, rate.NewLimiter),
		allows("high rate: Allow", 1, plenty, 15, rate.NewHighRate),
		allows("high rate: Allow", 64, plenty, 8, rate.NewHighRate),
		waits("high rate: Wait, 1 goroutine", ctx, 0, rate.NewHighRate),
	}
	rows = append(rows, row{
		shape:  "Take and Release, against Wait",
		peer:   "x/time",
		theirs: rows[5].theirs,
		ours: func(n int) {
			l := rate.NewLimiter(1e9, plenty)
			for range n {
				p, err := l.Take(ctx, 1)
				if err != nil {
					panic(err)
				}
				p.Release()
			}
			_ = cancel
		},
	}, clockRow())
	return rows
}

// allows asks without waiting.
func allows(what string, goroutines, burst int, target float64, ours func(rate.Limit, int) *rate.Limiter) row {
	return row{
		shape:  fmt.Sprintf("%s, %d goroutines", what, goroutines),
		peer:   "x/time",
		target: target,
		theirs: func(n int) {
			l := xrate.NewLimiter(1e9, burst)
			spread(goroutines, n, func() { l.Allow() })
		},
		ours: func(n int) {
			l := ours(1e9, burst)
			spread(goroutines, n, func() { l.Allow() })
		},
	}
}

// waits waits where it never has to.
func waits(shape string, ctx context.Context, target float64, ours func(rate.Limit, int) *rate.Limiter) row {
	return row{
		shape:  shape,
		peer:   "x/time",
		target: target,
		theirs: func(n int) {
			l := xrate.NewLimiter(1e9, plenty)
			for range n {
				if err := l.Wait(ctx); err != nil {
					panic(err)
				}
			}
		},
		ours: func(n int) {
			l := ours(1e9, plenty)
			for range n {
				if err := l.Wait(ctx); err != nil {
					panic(err)
				}
			}
		},
	}
}

// clockRow is what the two readings of a clock cost that the limiters are built
// on: most of the difference.
func clockRow() row {
	began := time.Now()
	return row{
		shape: "one reading of the clock",
		peer:  "time.Now",
		theirs: func(n int) {
			for range n {
				_ = time.Now()
			}
		},
		ours: func(n int) {
			for range n {
				_ = time.Since(began)
			}
		},
	}
}
