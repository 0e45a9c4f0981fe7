package limiter

// This file is the permit: a value that gives back once what was taken, however
// often it is told to, and whoever has copies of it.
//
// A permit names a slot and the generation in which it got it. Whoever ends the
// generation gives back; to everyone else the permit is stale. A slot is used
// again, with the next generation, so a permit costs no allocation.

import (
	"slices"
	"sync"
)

// Permit is what [Limiter.Take] grants. It is a small value and may be copied:
// all copies are one permit. The zero Permit holds nothing.
//
// Its methods may be called concurrently, never wait, and no context ends them.
// A permit that was released, through whichever copy, is stale: its methods do
// nothing. A permit that is never released keeps its units for ever.
type Permit struct {
	slot *slot
	gen  uint64
}

// slot is what a permit stands for. Between two permits it is in slots.
type slot struct {
	mu struct {
		sync.Mutex
		gen uint64 // grows when a permit ends; never wraps in the life of a process
	}
	// Of the permit of this generation. They are written before anyone else knows
	// of it, and afterwards under mu.
	from  source
	n     int64
	parts []Permit // instead of from: what it is made of
	rates int      // where in parts those begin that can be settled
}

// slots are the slots without a permit. They hold no channel and no timer, so
// it does not matter to whom one goes next, inside of a bubble or outside.
var slots = sync.Pool{New: func() any { return new(slot) }}

// source is where units come from and go back to.
type source interface {
	// Release gives back n units.
	Release(n int64)
}

// settler is a source on which the units of a permit can be put right, also
// upwards.
type settler interface {
	// Settle turns was units that were taken into is units.
	Settle(was, is int64)
}

// NewPermit returns a permit for n units that were taken from a limit. It is for
// those who implement a [Limiter]; everyone else gets permits from Take. When
// the permit is released, from.Release is called once, with the units it has
// then. Where from has a method Settle(was, is int64) as well,
// [Permit.Settle] calls it to turn the was units taken into is; else
// units can only be given back early, by Release.
//
// Both are called on the goroutine that releases or settles, with no lock held,
// and maybe at the same time; in whatever order they come, they add up.
func NewPermit(from interface{ Release(n int64) }, n int64) Permit {
	s := slots.Get().(*slot)
	s.from, s.n = from, n
	return Permit{slot: s, gen: s.mu.gen}
}

// newBundle returns one permit for several, of which those from rates on can be
// settled.
func newBundle(parts []Permit, rates int) Permit {
	s := slots.Get().(*slot)
	s.parts, s.rates = append(s.parts, parts...), rates
	return Permit{slot: s, gen: s.mu.gen}
}

// Release gives back what the permit holds, once: every further Release, of
// whichever copy, does nothing. What was taken from a rate stays taken, as the
// event has happened; see [Permit.Settle] for one that has not.
func (p Permit) Release() {
	s := p.slot
	if s == nil {
		return
	}
	s.mu.Lock()
	if s.mu.gen != p.gen {
		s.mu.Unlock()
		return
	}
	s.mu.gen++
	from, n := s.from, s.n
	if from == nil {
		s.mu.Unlock()
		s.releaseBundle()
		return
	}
	s.from = nil
	s.mu.Unlock()
	slots.Put(s)
	from.Release(n)
}

// releaseBundle releases the parts of a slot whose permit has just ended: until
// it is put back, nobody else knows its generation.
func (s *slot) releaseBundle() {
	for _, p := range slices.Backward(s.parts) {
		p.Release()
	}
	clear(s.parts)
	s.parts = s.parts[:0]
	slots.Put(s)
}

// Settle puts the cost of the call right when it is known only afterwards: the
// permit was taken for an estimate, and cost is what it came to, in the units of
// the limit. A lower cost gives the difference back. A higher one is owed by a
// rate, whose later callers wait for it; a semaphore can't take more than it
// has, so there it changes nothing. Settle may be called again, with the new
// total; the permit must still be released.
//
// It panics with "limiter: cost < 0" if cost is negative.
func (p Permit) Settle(cost int64) {
	if cost < 0 {
		panic("limiter: cost < 0")
	}
	s := p.slot
	if s == nil {
		return
	}
	s.mu.Lock()
	if s.mu.gen != p.gen {
		s.mu.Unlock()
		return
	}
	if s.from == nil {
		var some [8]Permit
		rates := append(some[:0], s.parts[s.rates:]...) // s.parts may be another's soon
		s.mu.Unlock()
		for _, p := range rates {
			p.Settle(cost)
		}
		return
	}
	from, was := s.from, s.n
	full, both := from.(settler)
	if !both {
		cost = min(cost, was)
	}
	s.n = cost
	s.mu.Unlock()
	switch {
	case cost == was:
	case both:
		full.Settle(was, cost)
	default:
		from.Release(was - cost)
	}
}
