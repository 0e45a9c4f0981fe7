package semaphore

// This file is where the permits of a semaphore's own slots come from and go
// back to.

import "github.com/belay-go/belay/limiter"

// own is what a semaphore keeps for the permits of its own slots. It comes with
// the first of them.
type own struct {
	slots  limiter.Slots
	places [slotBits]place
}

func (s *Weighted) furnish() *own {
	o := new(own)
	for i := range o.places {
		o.places[i] = place{s, 1 << i}
	}
	s.own.CompareAndSwap(nil, o) // one that loses was never used
	return s.own.Load()
}

// place is one of the slots, as its permit sees it.
type place struct {
	s   *Weighted
	bit int64 // of the word
}

// Release gives back n units, and the slot, to the next who finds its bit clear:
// the permit has nothing to do with it any more.
func (p *place) Release(n int64) {
	for {
		word := p.s.word.Load()
		if word < 0 {
			p.s.releaseSlow(n, p.bit)
			return
		}
		if p.s.word.CompareAndSwap(word, (word+n*oneFree)&^p.bit) {
			return
		}
	}
}

// Refund gives back n units of a permit that goes on.
func (p *place) Refund(n int64) { p.s.Release(n) }
