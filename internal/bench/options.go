package main

// This file measures what the options of a group cost a task: nothing while they
// are off, and as much as they say while they are on.

import (
	"context"
	"runtime/pprof"

	"github.com/belay-go/belay/errgroup"
)

func optioned(name string, o errgroup.Options) side {
	return side{name, func() group { g, _ := errgroup.New(context.Background(), o); return g }}
}

// optionRows compare a group that New made with one that has no options.
func optionRows() []row {
	labels := pprof.Labels("group", "bench")
	var rows []row
	for _, o := range []struct {
		side   side
		target float64
	}{
		{optioned("New, nothing asked for", errgroup.Options{}), 0.9},
		{optioned("a func for each worker: profiler labels", errgroup.Options{Worker: func(ctx context.Context) {
			pprof.SetGoroutineLabels(pprof.WithLabels(ctx, labels))
		}}), 0.9},
		{optioned("panics as errors", errgroup.Options{PanicsAsErrors: true}), 0.9},
		{optioned("skip what comes too late", errgroup.Options{SkipDone: true}), 0.8},
		{optioned("names and times of what runs", errgroup.Options{Track: true}), 0},
	} {
		for _, l := range []load{empty, cpu(1)} {
			r := tasks(belays, o.side, claim{l, 8, o.target})
			r.shape += ", " + o.side.name
			r.peer = "no options"
			rows = append(rows, r)
		}
	}
	return rows
}
