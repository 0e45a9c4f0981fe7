package main

// This file compares limiter/rate with x/time's rate, and with uber's limiter.

import (
	"context"
	"fmt"
	"sync"
	"time"

	uber "go.uber.org/ratelimit"
	xrate "golang.org/x/time/rate"

	"github.com/belay-go/belay/limiter/rate"
)

// plenty is a burst that does not run out.
const plenty = 1 << 30

func rateRows() []row {
	ctx, cancel := context.WithCancel(context.Background())
	rows := []row{
		allows("Allow", 1, 1e9, plenty, 2, rate.NewLimiter),
		allows("Allow denied", 1, 1, 1, 2, rate.NewLimiter),
		allows("Allow, none at all", 1, 0, 0, 0, rate.NewLimiter),
		allows("Allow", 64, 1e9, plenty, 0, rate.NewLimiter),
		allows("Allow denied", 64, 1, 1, 0, rate.NewLimiter),
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
		allows("high rate: Allow", 1, 1e9, plenty, 15, rate.NewHighRate),
		allows("high rate: Allow", 64, 1e9, plenty, 8, rate.NewHighRate),
		waits("high rate: Wait, 1 goroutine", ctx, 0, rate.NewHighRate),
		takes(1),
		takes(64),
	}
	rows = append(rows, row{
		shape:  "Take and Release, against Wait",
		peer:   "x/time",
		theirs: rows[6].theirs,
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
func allows(what string, goroutines int, limit float64, burst int, target float64, ours func(rate.Limit, int) *rate.Limiter) row {
	return row{
		shape:  fmt.Sprintf("%s, %d goroutines", what, goroutines),
		peer:   "x/time",
		target: target,
		theirs: func(n int) {
			l := xrate.NewLimiter(xrate.Limit(limit), burst)
			share(goroutines, n, func(n int) {
				for range n {
					l.Allow()
				}
			})
		},
		ours: func(n int) {
			l := ours(rate.Limit(limit), burst)
			share(goroutines, n, func(n int) {
				for range n {
					l.Allow()
				}
			})
		},
	}
}

// share has each goroutine do its part of n operations. Unlike spread, it calls
// no func for each: some of what is measured here costs little more than that.
func share(goroutines, n int, f func(n int)) {
	if goroutines == 1 {
		f(n)
		return
	}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() { f((n + goroutines - 1) / goroutines) })
	}
	wg.Wait()
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

// takes waits where it never has to, beside a limiter that has no burst, no
// context and no error: it returns when the time has come.
func takes(goroutines int) row {
	return row{
		shape: fmt.Sprintf("Wait, %d goroutines", goroutines),
		peer:  "uber ratelimit",
		theirs: func(n int) {
			l := uber.New(1e9)
			share(goroutines, n, func(n int) {
				for range n {
					l.Take()
				}
			})
		},
		ours: func(n int) {
			l := rate.NewLimiter(1e9, plenty)
			share(goroutines, n, func(n int) {
				for range n {
					if err := l.Wait(context.Background()); err != nil {
						panic(err)
					}
				}
			})
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
