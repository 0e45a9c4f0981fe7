package main

// This file explores keyed.Semaphore: slots that go from one key to the next, and
// the line of a key.

import (
	"context"
	"fmt"

	"github.com/belay-go/belay/internal/explore"
	"github.com/belay-go/belay/limiter/keyed"
)

func keyeds() []program {
	return []program{
		{"keyed/hands", keyedHands, 0},
		{"keyed/line", keyedLine, 0},
		{"keyed/full", keyedFull, 0},
	}
}

// brief takes a unit of a key if there is one.
func brief(k keyed.SemaphoreKey, r *room) {
	if p, err := k.TryTake(1); err == nil {
		r.visit(1)
		p.Release()
	}
}

func empty(s *keyed.Semaphore[int], keys ...int) func() error {
	return func() error {
		if stats := s.Stats(); stats.InFlight != 0 || stats.Waiting != 0 {
			return fmt.Errorf("all was given back, and the semaphore has %+v", stats)
		}
		for _, key := range keys {
			if p, err := s.For(key).TryTake(1); err != nil {
				return fmt.Errorf("key %d: %w", key, err)
			} else {
				p.Release()
			}
		}
		return nil
	}
}

// keyedHands has an idle slot change hands while somebody is about to take it for
// the old key.
func keyedHands() explore.Program {
	s := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 3, Size: 1})
	a, b := &room{most: 1}, &room{most: 1}
	brief(s.For(1), a) // has the slot now
	return explore.Program{
		Goroutines: []func(){
			func() { brief(s.For(1), a) },
			func() { brief(s.For(2), b) },
			func() { brief(s.For(1), a) },
		},
		Check: empty(s, 1, 2),
	}
}

// keyedLine has a wait end by its context when its turn has come, with another
// behind it.
func keyedLine() explore.Program {
	s, r := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 2, Size: 1}), &room{most: 1}
	held, _ := s.For(1).TryTake(1)
	ctx, cancel := explore.Context()
	take := func(ctx context.Context, must bool) func() {
		return func() {
			p, err := s.For(1).Take(ctx, 1)
			switch {
			case err == nil:
				r.visit(1)
				p.Release()
			case must:
				explore.Failf("%v", err)
			}
		}
	}
	return explore.Program{
		Goroutines: []func(){
			take(ctx, false),
			take(context.Background(), true),
			func() { cancel(); held.Release() },
		},
		Check: empty(s, 1),
	}
}

// keyedFull has more keys than may be held.
func keyedFull() explore.Program {
	s, r := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 1, Size: 1}), &room{most: 1}
	return explore.Program{
		Goroutines: []func(){
			func() { brief(s.For(1), r) },
			func() { brief(s.For(2), r) },
		},
		Check: func() error {
			if r.been == 0 {
				return fmt.Errorf("both keys were refused")
			}
			return empty(s, 1)()
		},
	}
}
