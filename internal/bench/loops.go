package main

// This file compares the loops over a group with those of conc: Map with its
// iterator, which divides the items among GOMAXPROCS goroutines and does nothing
// else, and ForEach with its pool.

import (
	"context"
	"fmt"
	goiter "iter"
	"runtime"
	"time"

	"github.com/sourcegraph/conc/iter"
	"github.com/sourcegraph/conc/pool"

	"github.com/belay-go/belay/errgroup"
)

func loopRows() []row {
	rows := []row{mapped(0.98)}
	for _, limit := range []int{2, 8, 64} {
		rows = append(rows, forEach(limit, 1.5))
	}
	return rows
}

// mapped maps a slice of 1 µs items.
func mapped(target float64) row {
	task := busy(time.Microsecond)
	return row{
		shape:  "Map, 1µs CPU, limit GOMAXPROCS",
		peer:   "conc/iter",
		target: target,
		theirs: func(n int) {
			if _, err := iter.MapErr(make([]int, n), func(*int) (int, error) { return 1, task() }); err != nil {
				panic(err)
			}
		},
		ours: func(n int) {
			o := errgroup.Options{Limit: runtime.GOMAXPROCS(0)}
			if _, err := errgroup.Map(context.Background(), o, make([]int, n), func(context.Context, int) (int, error) { return 1, task() }); err != nil {
				panic(err)
			}
		},
	}
}

// forEach runs the 1 µs items of a sequence.
func forEach(limit int, target float64) row {
	task := busy(time.Microsecond)
	return row{
		shape:  fmt.Sprintf("ForEach, 1µs CPU, limit %d", limit),
		peer:   "conc/pool",
		target: target,
		theirs: func(n int) {
			p := pool.New().WithMaxGoroutines(limit).WithErrors().WithContext(context.Background())
			for i := range count(n) {
				p.Go(func(context.Context) error { _ = i; return task() })
			}
			if err := p.Wait(); err != nil {
				panic(err)
			}
		},
		ours: func(n int) {
			o := errgroup.Options{Limit: limit}
			if err := errgroup.ForEach(context.Background(), o, count(n), func(context.Context, int) error { return task() }); err != nil {
				panic(err)
			}
		},
	}
}

func count(n int) goiter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}
