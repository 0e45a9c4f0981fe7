package limiter

// This file is the permit: a value that gives back once what was taken, however
// often it is told to, and whoever has copies of it.
//
// A permit names a slot and the generation in which it got it. Whoever ends the
// generation gives back; to everyone else the permit is stale. A slot is used
// again, with the next generation, so a permit costs no allocation.
//
//	             NewPermit                 Release
//	free (g) ───────────────▶ held (g) ───────────────▶ free (g+1)
//	                           │    ▲                     ▲
//	                    Settle │    │ it is over          │ it is over
//	                           ▼    │       Release       │
//	                          settling ───────────▶ left to Settle
//
// Free and held look the same: only who has a permit of the generation, or
// everyone who has none, can tell.

import (
	"sync"
	"sync/atomic"
)

// Permit is what [Limiter.Take] grants. It is a small value and may be copied:
// all copies are one permit. The zero Permit holds nothing.
//
// Its methods may be called concurrently, never wait for anything but each
// other's few instructions, and no context ends them. A permit that was
// released, through whichever copy, is stale: its methods do nothing. A permit
// that is never released keeps its units for ever.
type Permit struct {
	slot *slot
	gen  uint64
}

// What the lowest bits of a slot's state say; the generation is above them. It
// never wraps in the life of a process.
const (
	settling   = 1 << iota // Settle is at work on the fields
	released               // and gives everything back when it is done
	dropped                // with that outcome
	ignored                // or that
	generation             // what one generation adds
)

// slot is what a permit stands for. Between two permits it is in slots.
type slot struct {
	state atomic.Uint64

	// Of the permit of this generation. They are written before anyone else
	// knows of it, by the Settle that made the state settling, and by the Release
	// that ended the generation, each of which the state orders after the other.
	from  source
	n     int64
	parts []Permit // instead of from: what it is made of
	rates int      // where in parts those begin that can be settled
	watch *holding // of a permit that is watched: where it is listed
	kept  bool     // in a Slot, and not to be put into slots

	settle sync.Mutex // held by the one Settle that may be at work
}

// slots are the slots without a permit. They hold no channel and no timer, so
// it does not matter to whom one goes next, inside of a bubble or outside.
var slots = sync.Pool{New: func() any { return new(slot) }}

// source is where units come from and go back to.
type source interface {
	// Release gives back n units.
	Release(n int64)
}

// refunder is a source that wants to know what is given back early.
type refunder interface {
	// Refund gives back n units of a permit that goes on.
	Refund(n int64)
}

// settler is a source on which the units of a permit can be put right, also
// upwards.
type settler interface {
	// Settle turns was units that were taken into is units.
	Settle(was, is int64)
}

// dropper is a source that learns from what became of the work.
type dropper interface {
	// Drop gives back n units of work that failed by overload.
	Drop(n int64)
	// Ignore gives back n units of work that says nothing.
	Ignore(n int64)
}

// NewPermit returns a permit for n units that were taken from a limit. It is for
// those who implement a [Limiter]; everyone else gets permits from Take. When
// the permit is released, from.Release is called once, with the units it has
// then. Where from has a method Settle(was, is int64) as well,
// [Permit.Settle] calls it to turn the was units taken into is; else
// units can only be given back early, by Release. Where it has Drop(n int64) and
// Ignore(n int64), they are called instead of Release by [Permit.Drop] and
// [Permit.Ignore].
//
// They are called on the goroutine that releases or settles, with no lock held,
// and maybe at the same time; in whatever order they come, they add up.
func NewPermit(from interface{ Release(n int64) }, n int64) Permit {
	s := slots.Get().(*slot)
	s.from, s.n = from, n
	return Permit{slot: s, gen: s.state.Load()}
}

// Slot is where a limiter keeps one permit of its own, if it knows by itself
// whether that is in use: a bit in the word that it changes anyway makes a permit
// cheaper than [NewPermit] can. The zero value is ready to use. A Slot must not be
// copied after first use.
type Slot struct{ slot slot }

// Permit returns a permit for n units in the slot, which must not have one. It
// ends as one of NewPermit does, by from.Release, from when on the slot may be
// used again; but what is given back early, by [Permit.Settle], goes to
// from.Refund, before from.Release is called: Refund must not settle the permit itself.
// Permit must not be called concurrently.
func (s *Slot) Permit(from interface {
	Release(n int64)
	Refund(n int64)
}, n int64) Permit {
	s.slot.from, s.slot.n, s.slot.kept = from, n, true
	return Permit{slot: &s.slot, gen: s.slot.state.Load()}
}

// newBundle returns one permit for several, of which those from rates on can be
// settled. Those that hold nothing are left out; of nothing else the zero Permit
// is made.
func newBundle(parts []Permit, rates int) Permit {
	s := slots.Get().(*slot)
	for i, p := range parts {
		if p.slot == nil {
			continue
		}
		if i < rates {
			s.rates++
		}
		s.parts = append(s.parts, p)
	}
	if len(s.parts) == 0 {
		slots.Put(s)
		return Permit{}
	}
	return Permit{slot: s, gen: s.state.Load()}
}

// newWatched returns a permit for another one, which says to h what becomes of
// it.
func newWatched(p Permit, h *holding) Permit {
	s := slots.Get().(*slot)
	s.parts, s.watch = append(s.parts, p), h
	return Permit{slot: s, gen: s.state.Load()}
}

// Release gives back what the permit holds, once: every further Release, of
// whichever copy, does nothing. What was taken from a rate stays taken, as the
// event has happened; see [Permit.Settle] for one that has not.
func (p Permit) Release() { p.endAs(0) }

// Drop is Release, and says that the work was lost to overload: it was turned away
// further down, or given up because it took too long. A limit that finds itself
// (limiter/adaptive) counts it as not done; to every other it is Release.
func (p Permit) Drop() { p.endAs(dropped) }

// Ignore is Release, and says that nothing can be learned from how long the work
// took: its client went away, for example. A limit that finds itself leaves it
// out of its account; to every other it is Release.
func (p Permit) Ignore() { p.endAs(ignored) }

func (p Permit) endAs(outcome uint64) {
	s := p.slot
	if s != nil && p.end(outcome) {
		s.giveBack(outcome)
	}
}

// end ends the generation, and reports whether the caller has to give back what
// it held: not if it had ended, nor if a Settle is at work, which then does so.
func (p Permit) end(outcome uint64) bool {
	state := &p.slot.state
	for {
		if state.CompareAndSwap(p.gen, p.gen+generation) {
			return true
		}
		if is := state.Load(); is != p.gen && is != p.gen|settling {
			return false
		}
		if state.CompareAndSwap(p.gen|settling, p.gen|settling|released|outcome) {
			return false
		}
	}
}

// giveBack gives back what a slot holds. The caller has ended its generation,
// and nobody else knows the next one.
func (s *slot) giveBack(outcome uint64) {
	if s.kept {
		giveTo(s.from, s.n, outcome)
		return
	}
	s.giveBackPooled(outcome)
}

func (s *slot) giveBackPooled(outcome uint64) {
	from, n := s.from, s.n
	if from == nil {
		s.giveBackParts(outcome)
		return
	}
	s.from = nil
	slots.Put(s)
	giveTo(from, n, outcome)
}

// giveTo gives n units back to where they are from.
func giveTo(from source, n int64, outcome uint64) {
	if outcome != 0 {
		if from, ok := from.(dropper); ok {
			if outcome == dropped {
				from.Drop(n)
			} else {
				from.Ignore(n)
			}
			return
		}
	}
	from.Release(n)
}

func (s *slot) giveBackParts(outcome uint64) {
	defer func() {
		clear(s.parts)
		s.parts, s.rates, s.watch = s.parts[:0], 0, nil
		slots.Put(s)
	}()
	if s.watch != nil {
		s.watch.drop()
	}
	releaseAll(s.parts, outcome)
}

// releaseAll releases permits, the last first. One that panics, as somebody gave
// back what it stood for, keeps none of the others.
func releaseAll(parts []Permit, outcome uint64) {
	left := len(parts)
	defer func() {
		if left > 0 {
			releaseAll(parts[:left], outcome)
		}
	}()
	for left > 0 {
		left--
		parts[left].endAs(outcome)
	}
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
	p.put(cost)
}

// put puts the units right, and returns how many more there are. Of a bundle
// these are those of what is in flight, if there is such, else of each rate.
func (p Permit) put(cost int64) (more int64) {
	s := p.slot
	if s == nil {
		return 0
	}
	s.settle.Lock()
	if !s.state.CompareAndSwap(p.gen, p.gen|settling) {
		s.settle.Unlock()
		return 0
	}
	var some [8]Permit
	rates, held := append(some[:0], s.parts[s.rates:]...), s.rates
	from, was, watch := s.from, s.n, s.watch
	full, both := from.(settler)
	if both = both && !s.kept; from != nil && !both {
		cost = min(cost, was)
	}
	s.n = cost
	if s.kept {
		return p.refund(from, was, cost)
	}
	outcome, over := p.settled()

	switch more = cost - was; {
	case from == nil:
		more = putAll(rates, cost)
		if held > 0 {
			more = 0
		}
		if watch != nil {
			watch.units.Add(more)
		}
	case cost == was:
	case both:
		full.Settle(was, cost)
	default:
		giveBackEarly(from, was-cost)
	}
	if over {
		s.giveBack(outcome)
	}
	return more
}

// refund is put of a permit in a [Slot]. Who keeps that may give it to the next one
// as soon as this one has ended, so the end is left to Settle for as long as there
// is something to give back to what is from.
func (p Permit) refund(from source, was, cost int64) (more int64) {
	defer func() { // also if someone gave back what this permit stood for
		if outcome, over := p.settled(); over {
			p.slot.giveBack(outcome)
		}
	}()
	if cost < was {
		giveBackEarly(from, was-cost)
	}
	return cost - was
}

// settled ends the work of a Settle on the fields, and reports whether the permit was
// released meanwhile, and as what: then the caller has to give back.
func (p Permit) settled() (outcome uint64, over bool) {
	s := p.slot
	if over = !s.state.CompareAndSwap(p.gen|settling, p.gen); over {
		outcome = s.state.Load() & (dropped | ignored)
		s.state.Store(p.gen + generation)
	}
	s.settle.Unlock()
	return outcome, over
}

// putAll puts the units of several right, and returns how many more the first of
// them has.
func putAll(parts []Permit, cost int64) (more int64) {
	for i, p := range parts {
		if m := p.put(cost); i == 0 {
			more = m
		}
	}
	return more
}

func giveBackEarly(from source, n int64) {
	if from, ok := from.(refunder); ok {
		from.Refund(n)
		return
	}
	from.Release(n)
}
