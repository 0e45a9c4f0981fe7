package semaphore

// This file is the state of a semaphore in one word, so that whoever finds room
// takes it by one compare-and-swap.
//
//	 63     62 ........... 27   26 ........... 1   0
//	┌──────┬─────────────────┬──────────────────┬─────────────┐
//	│ slow │ free units      │ units granted    │ slot in use │
//	└──────┴─────────────────┴──────────────────┴─────────────┘
//
// The word is fast or slow. While it is fast it says everything: how much is
// free, that nobody waits, and the last bits of how many units were granted.
// While it is slow it says only that, and the fields below the lock hold:
//
//	           seize: lock, swap            a call on the fast path
//	fast ──────────────────────────▶ slow      finds it, and locks
//	  ▲   the lock's owner takes over  │
//	  └────────────────────────────────┘
//	   publish: nobody waits, nothing is owed, it all fits; unlock
//
// A call passes the line only if it finds a fast word, and there is none while
// anyone is in line.
//
// Why free units, and not those held: whoever takes needs not know the size. A
// swap that succeeds took what was free at that moment, whatever happened to the
// word and to the size since it was read. To compare units held with a size would
// be wrong: a smaller size and a Release, in between, leave the decision stale and
// the word as it was.
//
// Whoever gives back does need the size, though only to find out whether so much
// is held. It reads the word, the size, and swaps the word, and a Resize that
// began or ended between these has changed the word: publish counts itself as a
// grant. The word is the same again only if it was read more than 2^25 grants ago,
// all other bits are alike by chance, and the size is another; then a Release of
// more than is held may stay unnoticed.
//
// Why the granted units: Stats counts them, and this way no further atomic has
// to. What does not fit goes to mu.total; the sum of both is exact.
//
// Why the slot: a permit needs one that nobody else has, and finds it with the
// same swap. Further permits take theirs from a pool, whose two calls cost more
// than the rest. More slots of its own would make that rare, and are slower: as
// soon as two processors take permits, each writes to slots that the other has
// just had, where the pool has some for each.
//
// Memory order: each Release, and each call that takes, swaps the word, or works
// between a seize and a publish. The operations of package atomic have one order
// that everybody agrees on, and what is before an operation is before those that
// see its effect. A swap that takes sees the word that the last swap or publish
// left, and so on back to the Release. A seize sees that as well, and the owners
// of the lock see each other. The store of publish overwrites nothing, as nobody
// swaps a slow word but a seize, and that needs the lock.

import (
	"math"

	"github.com/belay-go/belay/limiter"
)

const (
	slotBits    = 1
	grantedBits = 26

	slow       = math.MinInt64 // the sign: less than nothing is free in a slow word
	oneFree    = 1 << (grantedBits + slotBits)
	oneGranted = 1 << slotBits
	slotInUse  = 1
	maxGranted = 1<<grantedBits - 1
	maxFree    = math.MaxInt64 / oneFree // larger semaphores are always slow
)

// free returns the free units of a fast word, and a negative number for a slow one.
func free(word int64) int64 { return word >> (grantedBits + slotBits) }

func granted(word int64) int64 { return word >> slotBits & maxGranted }

// has reports whether n units can be taken from a word.
func has(word, n int64) bool { return n <= free(word) && n <= maxGranted-granted(word) }

// tryFast takes n units if that needs no lock.
func (s *Weighted) tryFast(n int64) bool {
	for {
		word := s.word.Load()
		if !has(word, n) {
			return false
		}
		if s.word.CompareAndSwap(word, word-n*(oneFree-oneGranted)) {
			return true
		}
	}
}

// takeFast takes n units and the slot, and returns a permit, if that needs no
// lock and nobody is in the way.
func (s *Weighted) takeFast(n int64) (limiter.Permit, bool) {
	own := s.own.Load()
	if own == nil {
		own = s.furnish()
	}
	word := s.word.Load()
	if word&slotInUse != 0 || !has(word, n) || !s.word.CompareAndSwap(word, word-n*(oneFree-oneGranted)|slotInUse) {
		return limiter.Permit{}, false
	}
	return own.slot.Permit(own, n), true
}

// fullFast reports whether there was an instant, known without the lock, at which
// n units were not free in a semaphore of at least that size. The size is that of
// the word if the word is the same before and after.
func (s *Weighted) fullFast(n int64) bool {
	word := s.word.Load()
	return word >= 0 && n > free(word) && n <= s.size.Load() && s.word.Load() == word
}

// releaseFast gives back n units if that needs no lock.
func (s *Weighted) releaseFast(n int64) bool {
	for {
		word := s.word.Load()
		if word < 0 || n > s.size.Load()-free(word) { // reads the size in between: see above
			return false
		}
		if s.word.CompareAndSwap(word, word+n*oneFree) {
			return true
		}
	}
}

// seize locks and takes the state out of the word. publish must follow.
func (s *Weighted) seize() {
	s.mu.Lock()
	if s.word.Load() >= 0 {
		word := s.word.Swap(slow)
		s.mu.free, s.mu.granted, s.mu.slot = free(word), granted(word), word&slotInUse
	}
}

// publish puts the state back into the word, if it can be told there, and
// unlocks.
func (s *Weighted) publish() {
	if s.mu.line.Len() == 0 && s.mu.free >= 0 && s.size.Load() <= maxFree {
		s.word.Store(s.mu.free*oneFree + s.countedLocked()*oneGranted + s.mu.slot)
	}
	s.mu.Unlock()
}

// countedLocked returns the granted units for the next word. It is another
// number than in the last word, and the sum with mu.total stays.
func (s *Weighted) countedLocked() int64 {
	next := s.mu.granted + 1
	if next > maxGranted/2 {
		next = 0
	}
	s.mu.total += uint64(s.mu.granted - next)
	s.mu.granted = next
	return next
}

// look calls f with the lock and the free and the granted units of this instant:
// nobody seizes the word meanwhile.
func (s *Weighted) look(f func(free, granted int64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if word := s.word.Load(); word >= 0 {
		f(free(word), granted(word))
	} else {
		f(s.mu.free, s.mu.granted)
	}
}
