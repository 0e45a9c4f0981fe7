package main

// This file compares errgroup with x/sync's, and has every claim about its speed
// as a target.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	xsync "golang.org/x/sync/errgroup"

	"github.com/belay-go/belay/errgroup"
)

// group is what the groups of both packages have.
type group interface {
	SetLimit(int)
	Go(func() error)
	Wait() error
}

// side is a kind of group.
type side struct {
	name string
	make func() group
}

var (
	belays = side{"ours", func() group { return new(errgroup.Group) }}
	xsyncs = side{"x/sync", func() group { return new(xsync.Group) }}
)

// claim is how much faster than x/sync a load runs at a limit, at the least.
type claim struct {
	load   load
	limit  int // negative: none
	target float64
}

func errgroupRows() []row {
	rows := []row{
		groupsOf(1, 8, 1.0),
		groupsOf(10, 8, 1.3),
		groupsOf(100, 8, 4),
		tasks(xsyncs, belays, claim{empty, -1, 0}),
		aMillion(8, 6),
		aMillion(64, 15),
		produced(4, 8, 2.5),
		produced(16, 8, 2),
		produced(16, 64, 5),
	}
	claims := append(emptyClaims(),
		claim{stack(8), 8, 4}, claim{stack(8), 64, 8},
		claim{stack(32), 8, 3}, claim{stack(32), 64, 5})
	claims = append(claims, paceClaims(cpu(1), cpu(3), cpu(10), cpu(50), cpu(500), mix(), sleep, network)...)
	for _, c := range claims {
		rows = append(rows, tasks(xsyncs, belays, c))
	}
	rows = append(rows,
		tasks(fixedPool, belays, claim{empty, 8, 1}),
		tasks(fixedPool, belays, claim{empty, 64, 1}))
	for _, peer := range otherPools { // for orientation
		rows = append(rows,
			tasks(peer, belays, claim{empty, 8, 0}),
			tasks(peer, belays, claim{cpu(1), 8, 0}))
	}
	return rows
}

// emptyClaims are about what a task costs.
func emptyClaims() []claim {
	return []claim{{empty, 1, 2}, {empty, 2, 2.5}, {empty, 8, 5}, {empty, 64, 12}}
}

// paceClaims are about keeping every processor at work, whatever the tasks do.
func paceClaims(loads ...load) (claims []claim) {
	for _, l := range loads {
		for _, perProcessor := range []int{1, 2, 4, 32} {
			c := claim{l, perProcessor * runtime.GOMAXPROCS(0), 0.97}
			if l.name == cpu(1).name && perProcessor == 32 {
				c.target = 1.4
			}
			claims = append(claims, c)
		}
	}
	return claims
}

// load is what a group is given to do.
type load struct {
	name  string
	tasks []func() error // in turn; their number is a power of two, so that the choice costs nothing
	least time.Duration  // of a round, where the tasks wait
}

func same(name string, task func() error) load {
	return load{name: name, tasks: []func() error{task}}
}

var (
	empty   = same("empty", nothing)
	sleep   = load{"sleep 100µs", []func() error{func() error { time.Sleep(100 * time.Microsecond); return nil }}, 100 * time.Millisecond}
	network = load{"reply after 100µs", []func() error{exchange}, 100 * time.Millisecond}
)

func nothing() error { return nil }

func cpu(microseconds int) load {
	d := time.Duration(microseconds) * time.Microsecond
	return same(d.String()+" CPU", busy(d))
}

func stack(kib int) load { return same(fmt.Sprintf("%d KiB stack", kib), stackHungry(kib)) }

// mix is a short task in ten among empty ones, in an order that is always the
// same and has no pattern.
func mix() load {
	l := load{name: "90% empty, 10% 20µs CPU", tasks: make([]func() error, 1024)}
	long := busy(20 * time.Microsecond)
	for i, place := range rand.New(rand.NewPCG(1, 10)).Perm(len(l.tasks)) {
		l.tasks[place] = nothing
		if i < len(l.tasks)/10 {
			l.tasks[place] = long
		}
	}
	return l
}

// tasks runs n tasks in one group.
func tasks(theirs, ours side, c claim) row {
	run := func(s side, n int) {
		g := s.make()
		g.SetLimit(c.limit)
		for i := range n {
			g.Go(c.load.tasks[i&(len(c.load.tasks)-1)])
		}
		wait(g)
	}
	return row{
		shape:  c.load.name + limited(c.limit),
		peer:   theirs.name,
		theirs: func(n int) { run(theirs, n) },
		ours:   func(n int) { run(ours, n) },
		target: c.target,
		least:  c.load.least,
	}
}

// aMillion runs a million tasks in one group, and looks at the memory: what was
// used once is to be used again.
func aMillion(limit int, target float64) row {
	const most = 64 // KiB
	r := tasks(xsyncs, belays, claim{empty, limit, target})
	r.shape = "a million " + r.shape
	r.n = 1_000_000
	r.check = func(n int) (found string, holds bool) {
		bytes := allocated(func() { r.ours(n) })
		return fmt.Sprintf("allocates %.1f of %d KiB", float64(bytes)/1024, most), bytes <= most<<10
	}
	return r
}

// allocated returns how much f allocates on the heap in all, freed or not: the
// heap cannot have grown by more at any time.
func allocated(f func()) (bytes uint64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// produced runs empty tasks that several goroutines submit to one group.
func produced(producers, limit int, target float64) row {
	run := func(g group, n int) {
		g.SetLimit(limit)
		spread(producers, n, func() { g.Go(nothing) })
		wait(g)
	}
	return row{
		shape:  fmt.Sprintf("empty, %d producers%s", producers, limited(limit)),
		peer:   xsyncs.name,
		theirs: func(n int) { run(xsyncs.make(), n) },
		ours:   func(n int) { run(belays.make(), n) },
		target: target,
	}
}

// groupsOf makes n groups of some empty tasks each, set-up and Wait included.
func groupsOf(size, limit int, target float64) row {
	run := func(g group) {
		g.SetLimit(limit)
		for range size {
			g.Go(nothing)
		}
		wait(g)
	}
	return row{
		shape:  fmt.Sprintf("groups of %d%s", size, limited(limit)),
		peer:   xsyncs.name,
		target: target,
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

// wait panics if a task has failed: what it took is then no time of the task's.
func wait(g group) {
	if err := g.Wait(); err != nil {
		panic(err)
	}
}

func limited(limit int) string {
	if limit < 0 {
		return ", no limit"
	}
	return fmt.Sprintf(", limit %d", limit)
}
