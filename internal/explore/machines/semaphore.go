package main

// This file explores semaphore.Weighted: its word, its line, its own slot.

import (
	"context"
	"fmt"

	"github.com/belay-go/belay/internal/explore"
	"github.com/belay-go/belay/limiter/semaphore"
)

func semaphores() []program {
	return []program{
		{"semaphore/word", semaphoreWord, 0},
		{"semaphore/line", semaphoreLine, 0},
		{"semaphore/size", semaphoreSize, 0},
		{"semaphore/slot", semaphoreSlot, 0},
	}
}

// whole is what must hold when all was given back.
func whole(s *semaphore.Weighted, size int64) func() error {
	return func() error {
		stats := s.Stats()
		if got := s.TryAcquireUpTo(100); got != size || stats.InFlight != 0 || stats.Waiting != 0 {
			return fmt.Errorf("%d units are free, not %d: %+v", got, size, stats)
		}
		return nil
	}
}

// semaphoreWord has those who find room meet those who wait for it.
func semaphoreWord() explore.Program {
	s, r := semaphore.NewWeighted(2), &room{most: 2}
	acquire := func(n int64) func() {
		return func() {
			if err := s.Acquire(context.Background(), n); err != nil {
				explore.Failf("%v", err)
			}
			r.visit(n)
			s.Release(n)
		}
	}
	return explore.Program{
		Goroutines: []func(){acquire(2), acquire(1), func() {
			if s.TryAcquire(1) {
				r.visit(1)
				s.Release(1)
			}
		}},
		Check: whole(s, 2),
	}
}

// semaphoreLine has a wait end by its context when its turn has come, with another
// behind it.
func semaphoreLine() explore.Program {
	s, r := semaphore.NewWeighted(2), &room{most: 2}
	s.TryAcquire(1)
	ctx, cancel := explore.Context()
	return explore.Program{
		Goroutines: []func(){
			func() {
				if s.Acquire(ctx, 2) == nil {
					r.visit(2)
					s.Release(2)
				}
			},
			func() {
				if err := s.Acquire(context.Background(), 1); err != nil {
					explore.Failf("%v", err)
				}
				r.visit(1)
				s.Release(1)
			},
			func() { cancel(); s.Release(1) },
		},
		Check: whole(s, 2),
	}
}

// semaphoreSize has the size change below those who take and give back.
func semaphoreSize() explore.Program {
	s, r := semaphore.NewWeighted(2), &room{most: 2}
	refused := 0
	return explore.Program{
		Goroutines: []func(){
			func() {
				if s.Acquire(context.Background(), 2) != nil {
					refused++ // it was too large for a while
					return
				}
				r.visit(2)
				s.Release(2)
			},
			func() { s.Resize(1); s.Resize(2) },
			func() {
				if s.Acquire(context.Background(), 1) != nil {
					explore.Failf("one of at least one unit was too many")
				}
				r.visit(1)
				s.Release(1)
			},
		},
		Check: whole(s, 2),
	}
}

// semaphoreSlot has the permit of the semaphore's own slot released twice, while
// others want it.
func semaphoreSlot() explore.Program {
	s, r := semaphore.NewWeighted(1), &room{most: 1}
	p, _ := s.TryTake(1)
	take := func() {
		p.Release()
		q, err := s.Take(context.Background(), 1)
		if err != nil {
			explore.Failf("%v", err)
		}
		r.visit(1)
		q.Release()
		p.Release()
	}
	return explore.Program{Goroutines: []func(){take, take}, Check: whole(s, 1)}
}
