package errgroup

// This file is inside the package: it seeds the ring's positions just short of
// their wrap-around, which a test from outside could never reach, takes blocked
// Gos out of the middle of their list, and makes the workers careful for certain.

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheRingKeepsOrderAcrossTheWrapAround(t *testing.T) {
	wrapped, grown := 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		start := ^uint(0) - uint(r.IntN(20))
		q := queue{ring: make([]func() error, 8), head: start, tail: start}
		var model []int
		var got int
		for i := range 500 {
			head, places := q.head, len(q.ring)
			if r.IntN(10) < 4+int(seed%3) { // short, steady or growing queues
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
			if head == ^uint(0) && q.head == 0 && len(q.ring) == places {
				wrapped++
			}
			if head > q.tail && len(q.ring) > places {
				grown++
			}
		}
	}
	require.NotZero(t, wrapped, "no ring has come to the wrap-around")
	require.NotZero(t, grown, "no ring has grown close to it")
}

func TestAGroupGoesOnAcrossTheWrapAroundOfItsCounters(t *testing.T) {
	const limit = 7
	var g Group
	g.SetLimit(limit)
	g.lineLocked().queue = queue{ring: make([]func() error, 8), head: ^uint(0) - 10, tail: ^uint(0) - 10}
	g.mu.rounds = ^uint64(0) - 1
	for range 5 {
		var meeting sync.WaitGroup
		meeting.Add(limit)
		for range limit {
			g.Go(func() error { meeting.Done(); meeting.Wait(); return nil })
		}
		require.NoError(t, g.Wait())
	}
	require.Less(t, g.mu.line.queue.tail, uint(limit*5), "the queue has not come to the wrap-around")
	require.Less(t, g.mu.rounds, uint64(5), "the rounds have not")
}

func TestTasksThatNeedEachOtherAllRunWhileWorkersAreHandedOver(t *testing.T) {
	for _, limit := range []int{1, 2, 7, 64, 300} {
		var g Group
		g.SetLimit(limit)
		pace := &g.lineLocked().pace
		pace.careful, pace.thin = longestSpell, limit+20 // any reserve is thin
		for range 3 {
			gate := make(chan struct{})
			for range limit {
				g.Go(func() error { <-gate; return nil })
			}
			for range 9 {
				go g.Go(nothing) // ends when its task has a slot, for which a worker is handed over
			}
			for g.Stats().Waiting < 9 {
				runtime.Gosched()
			}
			close(gate)
			var meeting sync.WaitGroup
			meeting.Add(limit)
			for range limit {
				g.Go(func() error { meeting.Done(); meeting.Wait(); return nil })
			}
			require.NoError(t, g.Wait())
		}
		require.LessOrEqual(t, pace.careful, longestSpell-3*9, "fewer were handed over than Gos were woken")
	}
}

func TestTheListOfBlockedGosKeepsOrderWithRemovalsFromTheMiddle(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var g Group
		g.mu.active = 1 // at work, so that it keeps all waiters
		l := &g.lineLocked().blocked
		var model []*waiter
		reused := map[*waiter]bool{}
		for range 300 {
			switch op := r.IntN(10); {
			case op < 3:
				free := l.free
				w := l.push(nothing, &g.mu)
				if free != nil {
					require.Same(t, free, w, "a waiter that is free was not used again")
					reused[w] = true
				}
				require.Nil(t, w.ready)
				model = append(model, w)
			case op < 6:
				w := l.pushContext(nothing)
				require.NotNil(t, w.ready)
				model = append(model, w)
			case len(model) > 0:
				i := r.IntN(len(model))
				if op == 9 {
					i = 0 // as when one is admitted
				}
				w := model[i]
				model = slices.Delete(model, i, i+1)
				l.remove(w)
				require.Nil(t, w.next)
				require.Nil(t, w.prev)
				g.recycleLocked(w)
				require.False(t, w.ready != nil && l.free == w, "a waiter with a channel must not be used again")
			}
			require.Equal(t, len(model), l.n)
			var forth, back []*waiter
			for w := l.first; w != nil; w = w.next {
				forth = append(forth, w)
			}
			for w := l.last; w != nil; w = w.prev {
				back = append(back, w)
			}
			slices.Reverse(back)
			require.True(t, slices.Equal(model, forth), "forth")
			require.True(t, slices.Equal(model, back), "back")
		}
		require.NotEmpty(t, reused)
	}
}

func nothing() error { return nil }

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

func TestAWaitThatIsGivenUpLeavesNothingInTheGroup(t *testing.T) {
	var g Group
	gate := make(chan struct{})
	g.Go(func() error { <-gate; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		require.ErrorIs(t, g.WaitContext(ctx), context.Canceled)
		require.Empty(t, g.mu.resting)
	}
	close(gate)
	require.NoError(t, g.Wait())
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
