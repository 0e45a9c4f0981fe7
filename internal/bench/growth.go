package main

// This file measures how costs grow. Nothing is claimed here: a cost that grows
// with what it should not depend on is to be seen.

import (
	"fmt"
	"runtime"
)

func growthRows() []row {
	var rows []row
	// add makes r a point of a curve.
	add := func(curve string, at int, r row) {
		r.curve, r.at, r.target, r.check = curve, float64(at), 0, nil
		rows = append(rows, r)
	}
	for _, limit := range []int{1, 4, 16, 64, 256, 1024} {
		add("errgroup: a task, by limit", limit, tasks(xsyncs, belays, claim{empty, limit, 0}))
	}
	for _, producers := range []int{1, 4, 16, 64} {
		add("errgroup: a task at limit 8, by producers", producers, produced(producers, 8, 0))
	}
	for _, keys := range []int{1, 100, 10_000, 1_000_000} {
		add("keyed: Allow, by keys", keys, keyedAllows(keys, 1, 0))
	}
	for _, waiters := range []int{1, 10, 100, 1000, 10_000, 100_000} {
		add("semaphore: a turn, by waiters", waiters, inLine(waiters))
	}
	for _, procs := range []int{1, 2, 4, 8} {
		add("errgroup: a task, by GOMAXPROCS", procs, at(procs, tasks(xsyncs, belays, claim{empty, 8, 0})))
	}
	for _, procs := range []int{1, 2, 4, 8} {
		add("semaphore: a unit, by GOMAXPROCS", procs, at(procs, row{
			shape:  "Acquire and Release, 8 goroutines, 8 units",
			peer:   "x/sync",
			theirs: func(n int) { takeTurns(theirTurns(8), 8, n, nil) },
			ours:   func(n int) { takeTurns(ourTurns(8), 8, n, nil) },
		}))
	}
	return rows
}

// inLine passes one unit around, while so many wait for it.
func inLine(waiters int) row {
	return row{
		shape:  fmt.Sprintf("one unit and %d who wait for it", waiters),
		peer:   "x/sync",
		n:      max(20_000, 4*waiters), // each has several turns, so that their start matters little
		theirs: func(n int) { takeTurns(theirTurns(1), waiters+1, n, runtime.Gosched) },
		ours:   func(n int) { takeTurns(ourTurns(1), waiters+1, n, runtime.Gosched) },
	}
}

// at runs both sides of r with a GOMAXPROCS of its own.
func at(procs int, r row) row {
	with := func(f func(int)) func(int) {
		return func(n int) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			f(n)
		}
	}
	r.shape += fmt.Sprintf(", GOMAXPROCS %d", procs)
	r.theirs, r.ours = with(r.theirs), with(r.ours)
	return r
}
