package main

// This file compares errgroup with x/sync's.

import (
	"context"
	"fmt"
	"time"

	xsync "golang.org/x/sync/errgroup"

	"github.com/belay-go/belay/errgroup"
)

// group is what both packages' groups have.
type group interface {
	SetLimit(int)
	Go(func() error)
	Wait() error
}

func errgroupRows() []row {
	rows := []row{
		groupsOf(1, 8),
		groupsOf(10, 8),
		groupsOf(100, 8),
		tasks("empty", -1, func() error { return nil }),
	}
	for _, limit := range []int{1, 2, 8, 64} {
		rows = append(rows, tasks("empty", limit, func() error { return nil }))
	}
	for _, length := range []time.Duration{time.Microsecond, 10 * time.Microsecond, 50 * time.Microsecond, 500 * time.Microsecond} {
		for _, limit := range []int{2, 4, 8, 64} {
			rows = append(rows, tasks(length.String()+" CPU", limit, busy(length)))
		}
	}
	return append(rows, tasks("sleep 100µs", 8, func() error { time.Sleep(100 * time.Microsecond); return nil }))
}

// tasks runs n tasks in one group.
func tasks(kind string, limit int, task func() error) row {
	run := func(g group, n int) {
		g.SetLimit(limit)
		for range n {
			g.Go(task)
		}
		_ = g.Wait()
	}
	return row{
		shape:  fmt.Sprintf("%s, limit %d", kind, limit),
		peer:   "x/sync",
		theirs: func(n int) { run(new(xsync.Group), n) },
		ours:   func(n int) { run(new(errgroup.Group), n) },
	}
}

// groupsOf makes n groups of some empty tasks each, set-up and Wait included.
func groupsOf(size, limit int) row {
	run := func(g group) {
		g.SetLimit(limit)
		for range size {
			g.Go(func() error { return nil })
		}
		_ = g.Wait()
	}
	return row{
		shape: fmt.Sprintf("groups of %d, limit %d", size, limit),
		peer:  "x/sync",
		theirs: func(n int) {
			for range n {
				g, _ := xsync.WithContext(context.Background())
				run(g)
			}
		},
		ours: func(n int) {
			for range n {
				g, _ := errgroup.WithContext(context.Background())
				run(g)
			}
		},
	}
}
