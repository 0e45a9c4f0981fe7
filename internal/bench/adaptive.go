package main

// This file compares what a call of limiter/adaptive costs with others that find
// their limit. Which limit they find is the arena's question.

import (
	"context"
	"fmt"

	"github.com/failsafe-go/failsafe-go/adaptivelimiter"
	"github.com/go-kratos/aegis/ratelimit"
	"github.com/go-kratos/aegis/ratelimit/bbr"

	"github.com/belay-go/belay/limiter/adaptive"
)

func adaptiveRows() []row {
	var rows []row
	for _, goroutines := range []int{1, 2, 64} {
		rows = append(rows, findsWithFailsafe(goroutines))
	}
	return append(rows, findsWithBBR(1), findsWithBBR(64), refuses())
}

// room is a limit that nobody meets: what a grant costs is measured.
const room = 1000

func finder() *adaptive.Limiter { return adaptive.New(adaptive.Options{Min: room, Initial: room}) }

func findOurs(l *adaptive.Limiter, goroutines, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	spread(goroutines, n, func() {
		p, err := l.Take(ctx, 1)
		mustTake(err)
		p.Release()
	})
}

func mustTake(err error) {
	if err != nil {
		panic(err)
	}
}

func findsWithFailsafe(goroutines int) row {
	var theirs adaptivelimiter.AdaptiveLimiter[any]
	var ours *adaptive.Limiter
	return row{
		shape:  fmt.Sprintf("Take and Release, %d goroutines", goroutines),
		peer:   "failsafe-go",
		target: 2,
		renew: func() {
			theirs = adaptivelimiter.NewBuilder[any]().WithLimits(room, room, room).Build()
			ours = finder()
		},
		theirs: func(n int) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			spread(goroutines, n, func() {
				p, err := theirs.AcquirePermit(ctx)
				mustTake(err)
				p.Record()
			})
		},
		ours: func(n int) { findOurs(ours, goroutines, n) },
	}
}

func findsWithBBR(goroutines int) row {
	var theirs *bbr.BBR
	var ours *adaptive.Limiter
	return row{
		shape: fmt.Sprintf("Take and Release, %d goroutines", goroutines),
		peer:  "aegis BBR",
		renew: func() { theirs, ours = bbr.NewLimiter(bbr.WithCPUThreshold(1001)), finder() }, // never reached
		theirs: func(n int) {
			spread(goroutines, n, func() {
				done, err := theirs.Allow()
				mustTake(err)
				done(ratelimit.DoneInfo{})
			})
		},
		ours: func(n int) { findOurs(ours, goroutines, n) },
	}
}

// refuses is what most calls get in an overload.
func refuses() row {
	var theirs adaptivelimiter.AdaptiveLimiter[any]
	var ours *adaptive.Limiter
	return row{
		shape: "TryTake refused",
		peer:  "failsafe-go",
		renew: func() {
			theirs = adaptivelimiter.NewBuilder[any]().WithLimits(1, 1, 1).Build()
			ours = adaptive.New(adaptive.Options{Max: 1})
			theirs.TryAcquirePermit()
			ours.TryAcquire(1)
		},
		theirs: func(n int) {
			for range n {
				if _, ok := theirs.TryAcquirePermit(); ok {
					panic("there was room")
				}
			}
		},
		ours: func(n int) {
			for range n {
				if _, err := ours.TryTake(1); err == nil {
					panic("there was room")
				}
			}
		},
	}
}
