package dropped

// This file is the designs: a rule each for what a worker does when its task has
// ended. A Go that it wakes then comes next on its processor, and cannot submit
// until the worker steps aside; meanwhile other workers may run out of tasks.

import "time"

// step is what a worker does between two tasks.
type step int

const (
	goOn     step = iota // to the next task; the Go that was woken has to wait
	yield                // the Go runs, then the worker goes on
	handOver             // a new worker is started and this one ends; the Go runs
)

// Design is one way to share a processor with the Gos that are woken.
type Design struct {
	Name string
	// rule is asked with the lock. woke: the worker is about to wake a Go, and
	// the others have reserve tasks to run without that Go.
	rule func(g *Group, woke bool, reserve int) step
	// underLock wakes inside the critical section.
	underLock bool
	// clock measures for how long the group was short of tasks.
	clock bool
}

// Designs are all of them. "Short" is a task of some microseconds.
var Designs = []Design{
	// Lost on short tasks: the Go sits behind the next one, and the other workers
	// have run out of tasks before it submits.
	{Name: "goes on", rule: func(*Group, bool, int) step { return goOn }},

	// Lost on empty and short tasks at every limit: each costs a switch there and
	// back, however full the queue is.
	{Name: "yields always", rule: func(g *Group, _ bool, _ int) step {
		if g.woken.Load() > 0 {
			return yield
		}
		return goOn
	}},

	// Lost on empty tasks: it is the schedule of x/sync, a goroutine per task, and
	// costs what that costs.
	{Name: "hands over always", rule: func(_ *Group, woke bool, _ int) step {
		if woke {
			return handOver
		}
		return goOn
	}},

	// Lost on the mix, and on short tasks at a limit below four, where low water
	// is zero: it stalls again and again, and does not learn from it.
	{Name: "low water only", rule: lowWater},

	// Lost on empty tasks at low limits, where nearly all are handed over, and on
	// short ones at middling limits, where too few are.
	{Name: "hands over at low water", rule: func(g *Group, woke bool, reserve int) step {
		if woke && reserve <= g.limit/2 {
			return handOver
		}
		return goOn
	}},

	// Lost little in speed, but its footing: what the clock shows is as much other
	// programs' use of the processor as stalls, and the price is one machine's.
	{Name: "pays by the clock", clock: true, rule: func(g *Group, woke bool, reserve int) step {
		if woke && g.starved > 0 && reserve < max(g.limit/4, 8) {
			g.starved -= 25 * time.Nanosecond
			return handOver
		}
		return lowWater(g, woke, reserve)
	}},

	// Lost on empty tasks at high limits, besides what low water only has lost:
	// waking takes longer than all else that the lock is held for, so the other
	// workers park on it.
	{Name: "wakes under the lock", underLock: true, rule: lowWater},
}

func lowWater(g *Group, _ bool, reserve int) step {
	if reserve < g.limit/4 && g.woken.Load() > 0 {
		return yield
	}
	return goOn
}
