package errgroup

// This file is inside the package: it seeds the ring's positions just short of
// their wrap-around, which a test from outside could never reach.

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheRingKeepsOrderAcrossTheWrapAround(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		start := ^uint(0) - uint(r.IntN(20))
		q := queue{ring: make([]func() error, 8), head: start, tail: start}
		var model []int
		var got int
		for i := range 500 {
			if r.IntN(5) < 3 {
				q.push(func() error { got = i; return nil })
				model = append(model, i)
			} else if f := q.pop(); len(model) == 0 {
				require.Nil(t, f)
			} else {
				_ = f()
				require.Equal(t, model[0], got)
				model = model[1:]
			}
			require.Equal(t, len(model), q.len())
		}
	}
}

func TestTheRingForgetsWhatItGaveAway(t *testing.T) {
	var q queue
	for range 100 {
		q.push(func() error { return nil })
	}
	for q.pop() != nil {
	}
	for _, f := range q.ring {
		require.Nil(t, f)
	}
	q.release()
	require.Empty(t, q.ring, "a ring that has grown large stays")
}

func TestAGroupAtRestKeepsNothingThatItHasGrown(t *testing.T) {
	const tasks = 10 * keptPlaces
	var g Group
	g.SetLimit(tasks)
	gate := make(chan struct{})
	for range tasks {
		g.Go(func() error { <-gate; return nil })
	}
	var producers sync.WaitGroup
	for range 3 {
		producers.Go(func() { g.Go(func() error { return nil }) })
	}
	for blocked := 0; blocked < 3; {
		g.mu.Lock()
		blocked = 0
		for w := g.mu.line.blocked.first; w != nil; w = w.next {
			blocked++
		}
		g.mu.Unlock()
	}
	// What a worker admits it forgets, so that a waiter kept for the next Go
	// keeps no closure alive.
	waiters := []*waiter{g.mu.line.blocked.first, g.mu.line.blocked.first.next, g.mu.line.blocked.last}
	close(gate)
	producers.Wait()
	require.NoError(t, g.Wait())
	for _, w := range waiters {
		require.Nil(t, w.f)
	}
	require.LessOrEqual(t, len(g.mu.line.queue.ring), keptPlaces)
	g.mu.Lock()
	defer g.mu.Unlock()
	if free := g.mu.line.blocked.free; free != nil {
		require.Nil(t, free.next, "more than one waiter is kept")
	}
}

func TestTheLastSettingInTheDebugListCounts(t *testing.T) {
	for list, want := range map[string]string{
		"":                                    "",
		"freshgoroutine=1":                    "1",
		"a=1,freshgoroutine=0":                "0",
		"freshgoroutine":                      "",
		"freshgoroutine=0,b,freshgoroutine=1": "1",
	} {
		require.Equal(t, want, debugSetting(list, "freshgoroutine"), list)
	}
}
