package main

// This file explores timeout.WaitGroup: rounds, and waits that are given up.

import (
	"fmt"

	"github.com/belay-go/belay/internal/explore"
	"github.com/belay-go/belay/timeout"
)

func waitGroups() []program {
	return []program{
		{"waitgroup/rounds", waitGroupRounds(false), 0},
		{"waitgroup/rounds-plain", waitGroupRounds(true), 0},
		{"waitgroup/give-up", waitGroupGiveUp, 0},
	}
}

// waitGroupRounds has somebody wait for the zero of the first round, and somebody
// else for that of the second, which begins as soon as the first is over.
func waitGroupRounds(plain bool) func() explore.Program {
	return func() explore.Program {
		wg := new(timeout.WaitGroup)
		wg.Add(1)
		first := wg.Zero()
		added, done := false, false
		never, _ := explore.Context()
		return explore.Program{
			Goroutines: []func(){
				wg.Done,
				func() {
					for wg.Len() > 0 {
						explore.Gosched()
					}
					wg.Add(1)
					added = true
					if plain {
						wg.Wait()
					} else if err := wg.WaitContext(never); err != nil {
						explore.Failf("%v", err)
					}
					if !done {
						explore.Failf("a wait was over before its tasks were")
					}
				},
				func() {
					explore.Recv(first) // comes with the first zero, or this waits for ever
					explore.Await("added", func() bool { return added })
					done = true
					wg.Done()
				},
			},
			Check: func() error { return noTasks(wg) },
		}
	}
}

// waitGroupGiveUp has waits end by their contexts at the time of the zero.
func waitGroupGiveUp() explore.Program {
	wg := new(timeout.WaitGroup)
	wg.Add(1)
	done := false
	ctx, cancel := explore.Context()
	return explore.Program{
		Goroutines: []func(){
			func() { done = true; wg.Done() },
			func() {
				if err := wg.WaitContext(ctx); err == nil && !done {
					explore.Failf("a wait was over before its task was")
				}
				wg.Wait()
				if !done {
					explore.Failf("a second wait was over before its task was")
				}
			},
			cancel,
		},
		Check: func() error { return noTasks(wg) },
	}
}

func noTasks(wg *timeout.WaitGroup) error {
	if n := wg.Len(); n != 0 {
		return fmt.Errorf("%d tasks are left", n)
	}
	return nil
}
