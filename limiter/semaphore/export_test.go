package semaphore

// This file lets tests start a semaphore just short of what its word can hold.

const (
	MaxFree    = maxFree
	MaxGranted = maxGranted
	CountBits  = maxGranted * oneGranted // of the word
)

// Count has the word of s, which must be fast, count so many granted units, of
// the same total.
func Count(s *Weighted, units int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	word := s.word.Load()
	s.mu.total += uint64(granted(word) - units)
	s.word.Store(word + (units-granted(word))*oneGranted)
}

// Counted returns the granted units that the word counts, and whether it is fast.
func Counted(s *Weighted) (units int64, fast bool) {
	word := s.word.Load()
	return granted(word), word >= 0
}

// Word returns the word of s, bit by bit.
func Word(s *Weighted) int64 { return s.word.Load() }

// SlotInUse reports whether the permit of the slot is held.
func SlotInUse(s *Weighted) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if word := s.word.Load(); word >= 0 {
		return word&slotInUse != 0
	}
	return s.mu.slot != 0
}
