package semaphore

// This file is the state of a semaphore in one word, so that whoever finds room
// takes it by one compare-and-swap.
//
//	 63     62 ......... 30   29 .......... 8   7 ......... 0
//	┌──────┬───────────────┬─────────────────┬───────────────┐
//	│ slow │ free units    │ units granted   │ slots in use  │
//	└──────┴───────────────┴─────────────────┴───────────────┘
//
// The word is fast or slow. While it is fast it says everything: how much is
// free, that nobody waits, and how many units have been granted since it became
// so. While it is slow it says only that, and the fields below the lock hold:
//
//	           seize: lock, swap            a call on the fast path
//	fast ──────────────────────────▶ slow      finds it, and locks
//	  ▲   the lock's owner takes over  │
//	  └────────────────────────────────┘
//	   publish: nobody waits, nothing is owed, it all fits; unlock
//
// Why free units, and not those held: a compare-and-swap that succeeds has then
// seen all that decides, and it does not matter what happened to the word
// meanwhile. To compare units held with a size of its own would be wrong: a
// Resize, and a Resize back, in between, or a smaller size and a Release, leave
// the held units the same and the decision stale.
//
// Why the granted units: Stats counts them, and this way no further atomic has
// to. Before they overflow, the call seizes the word and adds them to a counter.
//
// Why the slots: a permit needs one that nobody else has, and finds it with the
// same compare-and-swap. Permits beyond these eight take theirs from a pool, for
// twelve nanoseconds more.
//
// Everything is ordered: a Release is a compare-and-swap, or happens under the
// lock that is released by a store of the word, and so does the Acquire that
// takes what it gave.

import (
	"math/bits"

	"github.com/belay-go/belay/limiter"
)

const (
	slotBits    = 8
	grantedBits = 22
	freeBits    = 63 - grantedBits - slotBits

	slow       uint64 = 1 << 63
	oneFree    uint64 = 1 << (grantedBits + slotBits)
	oneGranted uint64 = 1 << slotBits
	allSlots   uint64 = 1<<slotBits - 1
	maxGranted        = 1<<grantedBits - 1
	maxFree           = 1<<freeBits - 1 // larger semaphores are always slow
)

func free(word uint64) int64    { return int64(word &^ slow >> (grantedBits + slotBits)) }
func granted(word uint64) int64 { return int64(word >> slotBits & maxGranted) }

// has reports whether n units can be taken from a word, which says nothing else
// while it is slow.
func has(word uint64, n int64) bool {
	return word&slow == 0 && n <= free(word) && n <= maxGranted-granted(word)
}

// less returns a word from which n units were taken.
func less(word uint64, n int64) uint64 { return word - uint64(n)*oneFree + uint64(n)*oneGranted }

// tryFast takes n units if that needs no lock.
func (s *Weighted) tryFast(n int64) bool {
	for {
		word := s.word.Load()
		if !has(word, n) {
			return false
		}
		if s.word.CompareAndSwap(word, less(word, n)) {
			return true
		}
	}
}

// takeFast takes n units and a slot, and returns a permit, if that needs no
// lock.
func (s *Weighted) takeFast(n int64) (limiter.Permit, bool) {
	own := s.own.Load()
	if own == nil {
		own = s.furnish()
	}
	for {
		word := s.word.Load()
		i := bits.TrailingZeros64(^word)
		if i >= slotBits || !has(word, n) {
			return limiter.Permit{}, false
		}
		if s.word.CompareAndSwap(word, less(word, n)|1<<i) {
			return own.slots.Permit(i, &own.places[i], n), true
		}
	}
}

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

// place is where the permit of one of the slots came from.
type place struct {
	s   *Weighted
	bit uint64
}

// Release gives back n units and the slot.
func (p *place) Release(n int64) {
	for {
		word := p.s.word.Load()
		if word&slow != 0 {
			p.s.releaseSlow(n, p.bit)
			return
		}
		if p.s.word.CompareAndSwap(word, (word+uint64(n)*oneFree)&^p.bit) {
			return
		}
	}
}

// Refund gives back n units.
func (p *place) Refund(n int64) { p.s.Release(n) }

// releaseFast gives back n units if that needs no lock. The size may be changed
// while this looks at it; then the word has been seized, and the free units are
// others. If they are the same again, they are so in a semaphore of the new
// size: n is too much only if its caller did not hold it.
func (s *Weighted) releaseFast(n int64) bool {
	for {
		word := s.word.Load()
		if word&slow != 0 || n > s.size.Load()-free(word) {
			return false
		}
		if s.word.CompareAndSwap(word, word+uint64(n)*oneFree) {
			return true
		}
	}
}

// seize locks and takes the state out of the word. publish must follow.
func (s *Weighted) seize() {
	s.mu.Lock()
	if word := s.word.Swap(slow); word&slow == 0 {
		s.mu.held = s.size.Load() - free(word)
		s.mu.total += uint64(granted(word))
		s.mu.slots = word & allSlots
	}
}

// publish puts the state back into the word, if it can be told there, and
// unlocks.
func (s *Weighted) publish() {
	size := s.size.Load()
	free := size - s.mu.held
	if s.mu.line.Len() == 0 && size <= maxFree && free >= 0 {
		s.word.Store(uint64(free)*oneFree | s.mu.slots)
	}
	s.mu.Unlock()
}

// fits reports whether n units are free, in a semaphore that was seized. The
// subtraction can't overflow, where held+n could.
func (s *Weighted) fits(n int64) bool { return n <= s.size.Load()-s.mu.held }

// look returns the size, the units held and the calls in line, all of one
// instant: nobody seizes the word meanwhile.
func (s *Weighted) look() (size, held, waiting int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size, held = s.size.Load(), s.mu.held
	if word := s.word.Load(); word&slow == 0 {
		held = size - free(word)
	}
	return size, held, s.mu.line.Len()
}

// total returns the units ever granted.
func (s *Weighted) total() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := s.mu.total + s.waits.units.Load()
	if word := s.word.Load(); word&slow == 0 {
		total += uint64(granted(word))
	}
	return total
}
