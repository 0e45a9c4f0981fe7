package semaphore

// This file is where the permit of a semaphore's own slot comes from and goes
// back to.

import "github.com/belay-go/belay/limiter"

// own is what a semaphore keeps for the permit of its own slot. It comes with the
// first.
type own struct {
	s    *Weighted
	slot limiter.Slot
}

func (s *Weighted) furnish() *own {
	s.own.CompareAndSwap(nil, &own{s: s}) // one that loses was never used
	return s.own.Load()
}

// Release gives back n units, and the slot to the next who finds its bit clear:
// the permit has nothing to do with it any more. It panics as Weighted.Release
// does: where someone gave back what this permit stood for, it is only here that
// it shows.
func (o *own) Release(n int64) {
	for {
		word := o.s.word.Load()
		if word < 0 || n > o.s.size.Load()-free(word) { // as in releaseFast
			o.s.releaseSlow(n, slotInUse)
			return
		}
		if o.s.word.CompareAndSwap(word, (word+n*oneFree)&^slotInUse) {
			return
		}
	}
}

// Refund gives back n units of a permit that goes on.
func (o *own) Refund(n int64) { o.s.Release(n) }
