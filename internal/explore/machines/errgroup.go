package main

// This file explores errgroup: tasks that change hands between Gos and workers.

import (
	"context"
	"fmt"
	"runtime"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/internal/explore"
)

func errgroups() []program {
	return []program{
		{"errgroup/limit", errgroupLimit, 0},
		{"errgroup/meet", errgroupMeet, 0},
		{"errgroup/give-up", errgroupGiveUp, 0},
		{"errgroup/goexit", errgroupGoexit, 0},
	}
}

// errgroupLimit has a producer run into the limit, with another beside it.
func errgroupLimit() explore.Program {
	g, r := new(errgroup.Group), &room{most: 1}
	g.SetLimit(1)
	task := func() error { r.visit(1); return nil }
	return explore.Program{
		Goroutines: []func(){
			func() {
				g.Go(task)
				g.Go(task)
				g.Go(task)
				_ = g.Wait()
				if r.been < 3 {
					explore.Failf("Wait returned after %d of 3 tasks", r.been)
				}
			},
		},
		Check: func() error { return atRest(g) },
	}
}

// errgroupMeet has two tasks that each wait for the other, as the limit is two:
// one that was accepted must not be left behind one that runs.
func errgroupMeet() explore.Program {
	g := new(errgroup.Group)
	g.SetLimit(2)
	met := 0
	meet := func() error {
		met++
		explore.Await("the other", func() bool { return met >= 2 })
		return nil
	}
	return explore.Program{
		Goroutines: []func(){
			func() { g.Go(meet) },
			func() { g.Go(meet); _ = g.Wait() },
		},
		Check: func() error { return atRest(g) },
	}
}

// errgroupGiveUp has a blocked GoContext give up when its turn has come.
func errgroupGiveUp() explore.Program {
	g, r := new(errgroup.Group), &room{most: 1}
	g.SetLimit(1)
	want := int64(2)
	ctx, cancel := explore.Context()
	task := func() error { r.visit(1); return nil }
	return explore.Program{
		Goroutines: []func(){
			func() { g.Go(task); g.Go(task) },
			func() {
				if g.GoContext(ctx, func(context.Context) error { return task() }) == nil {
					want++
				}
			},
			cancel,
		},
		Check: func() error {
			if r.been != want {
				return fmt.Errorf("%d tasks have run, and %d were accepted", r.been, want)
			}
			return atRest(g)
		},
	}
}

// errgroupGoexit has a task leave by Goexit with another behind it.
func errgroupGoexit() explore.Program {
	g, r := new(errgroup.Group), &room{most: 1}
	g.SetLimit(1)
	return explore.Program{
		Goroutines: []func(){func() {
			g.Go(func() error { r.visit(1); runtime.Goexit(); return nil })
			g.Go(func() error { r.visit(1); return nil })
			_ = g.Wait()
			if r.been != 2 {
				explore.Failf("Wait returned after %d of 2 tasks", r.been)
			}
		}},
		Check: func() error { return atRest(g) },
	}
}

func atRest(g *errgroup.Group) error {
	if s := g.Stats(); s.InFlight != 0 || s.Waiting != 0 {
		return fmt.Errorf("a group at rest has %+v", s)
	}
	return nil
}
