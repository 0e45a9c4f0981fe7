package semaphore

// This file is the state of a semaphore in one word, so that whoever finds room
// takes it by one compare-and-swap.
//
//	 63     62 ........... 27   26 .......... 0
//	┌──────┬─────────────────┬─────────────────┐
//	│ slow │ free units      │ units granted   │
//	└──────┴─────────────────┴─────────────────┘
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
// Everything is ordered: a Release is a compare-and-swap, or happens under the
// lock that is released by a store of the word, and so does the Acquire that
// takes what it gave.

const (
	grantedBits = 27
	freeBits    = 63 - grantedBits

	slow       uint64 = 1 << 63
	oneFree    uint64 = 1 << grantedBits
	maxGranted        = 1<<grantedBits - 1
	maxFree           = 1<<freeBits - 1 // larger semaphores are always slow
)

func free(word uint64) int64    { return int64(word &^ slow >> grantedBits) }
func granted(word uint64) int64 { return int64(word & maxGranted) }

// tryFast takes n units if that needs no lock.
func (s *Weighted) tryFast(n int64) bool {
	for {
		word := s.word.Load()
		if word&slow != 0 || n > free(word) || n > maxGranted-granted(word) {
			return false
		}
		if s.word.CompareAndSwap(word, word-uint64(n)*oneFree+uint64(n)) {
			return true
		}
	}
}

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
	}
}

// publish puts the state back into the word, if it can be told there, and
// unlocks.
func (s *Weighted) publish() {
	size := s.size.Load()
	free := size - s.mu.held
	if s.mu.line.Len() == 0 && size <= maxFree && free >= 0 {
		s.word.Store(uint64(free) * oneFree)
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
