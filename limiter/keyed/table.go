package keyed

// This file is the table in which the keys are: of a size that never changes, two
// sets of eight slots for each key, found without a lock.
//
// What a slot says of its key is one word. A word that says nothing, of a bucket
// that is full or of a semaphore that nobody holds, is as good as no slot, so
// such a slot is given to the next key that needs one:
//
//	        CAS             hash, tag, word
//	idle ────────▶ nobody ────────────────▶ the other key's
//	  ▲                                        │
//	  └────────────────────────────────────────┘ refilled, or all given back
//
// Nobody changes a word but by a compare-and-swap, so who gives a slot away has
// seen it idle, and whoever had found it for the old key fails with its own swap,
// if the word never is again what it was. That is for the users of the table to
// see to; both say how.
//
// Who puts a key into the table holds the key's lock, looks for it once more, and
// only then takes a slot. So no key is there twice, which would be two buckets
// and twice the burst. Of two keys with different locks that want the same slot,
// the swap to nobody serves one.

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/fifo"
)

const (
	ways        = 8
	stripes     = 64
	defaultKeys = 1 << 16

	nobody = math.MinInt64 // the word of a slot that changes its key
	queued = 1             // in a word: calls are in line for the key

	// present is in every hash, so that no key looks like an empty slot.
	present = 1 << 63
)

// hashOf returns the hash by which the table knows a key.
func hashOf[K comparable](seed maphash.Seed, key K) uint64 {
	if s, ok := any(key).(string); ok {
		return maphash.String(seed, s) | present
	}
	return maphash.Comparable(seed, key) | present
}

// slot is the place of one key at a time.
type slot[M any] struct {
	hash atomic.Uint64 // changes while the word is nobody
	word atomic.Int64
	more M
}

// set is the slots that a key may have.
type set[M any] [ways]slot[M]

// table has a W for each call in line and an M in each slot.
type table[M, W any] struct {
	sets []set[M]
	// Eight bits of the hash of each slot of a set, so that one comparison finds the
	// slot. They are by themselves, not in the sets, as there they are small enough
	// to stay in a processor's cache when the sets are not: to find a key is to go to
	// memory once. Whoever gives a slot to a key writes them before the word, so that
	// where they are missing the key is not there, or its lock is held.
	tags    []atomic.Uint64
	stripes [stripes]stripe[W]
}

// stripe is what is kept for all keys of some hashes together.
type stripe[W any] struct {
	total, returned, refused, cancelled atomic.Uint64

	mu struct {
		sync.Mutex
		lines    map[uint64]*fifo.Line[W] // by hash; none is empty
		waiting  int64
		waited   uint64
		waitTime belay.WaitHistogram
	}
	_ [64]byte // so that two processors don't fight for what is next to it
}

// newTable returns a table with spare slots for each two keys that there may be,
// besides those two. With one, of so many keys one in thirty thousand finds both of
// its sets full; with two, fewer than one in ten million.
func newTable[M, W any](keys int, spare uint64, word int64) *table[M, W] {
	switch {
	case keys < 0:
		panic("keyed: keys < 0")
	case keys == 0:
		keys = defaultKeys
	}
	n := (uint64(keys) + uint64(keys)*spare/2 + ways - 1) / ways
	t := &table[M, W]{sets: make([]set[M], n), tags: make([]atomic.Uint64, n)}
	for i := range t.sets {
		for j := range t.sets[i] {
			t.sets[i][j].word.Store(word)
		}
	}
	return t
}

func (t *table[M, W]) stripe(hash uint64) *stripe[W] { return &t.stripes[hash%stripes] }

// first returns the set that a key is in, or else it is in its second one. Each is
// picked by bits of the hash of its own. If there is but one, both are that.
func (t *table[M, W]) first(hash uint64) uint64 {
	i, _ := bits.Mul64(hash<<1, uint64(len(t.tags)))
	return i
}

func (t *table[M, W]) second(hash, first uint64) uint64 {
	n := uint64(len(t.tags))
	if n == 1 {
		return first
	}
	i, _ := bits.Mul64(bits.RotateLeft64(hash, 32), n-1)
	if i >= first {
		i++
	}
	return i
}

// find returns the slot of a key, nil if it has none. A slot on its way from one
// key to the next is neither's: who comes for the old key needs another, and who
// comes for the new one has to wait for its lock.
func (t *table[M, W]) find(hash uint64) *slot[M] {
	s, _ := t.look(hash)
	return s
}

// look is find, with a word of the slot that is the key's if it still is the slot's.
//
// The hash is read after the word. So the word may be that of the key before, but
// then it was swapped since, and another swap of it fails. The other way round it
// could be that of the key behind, which would pay.
func (t *table[M, W]) look(hash uint64) (*slot[M], int64) {
	i := t.first(hash)
	// So that memory is asked for the set while it still is for the tags.
	_ = t.sets[i][ways/2].word.Load()
	for range 2 { // most are in the first, so that this can be predicted
		for like := alike(t.tags[i].Load(), hash); like != 0; like &= like - 1 {
			s := &t.sets[i][bits.TrailingZeros64(like)/8%ways]
			if word := s.word.Load(); s.hash.Load() == hash && word != nobody {
				return s, word
			}
		}
		i = t.second(hash, i)
	}
	return nil, 0
}

const everyByte = 0x0101010101010101

// tag returns eight bits of a hash, which don't say in what set it is.
func tag(hash uint64) uint64 { return hash >> 34 & 0xff }

// alike returns the highest bit of each byte that is the tag of a hash, and maybe
// of another one above it.
func alike(tags, hash uint64) uint64 {
	x := tags ^ tag(hash)*everyByte
	return (x - everyByte) &^ x & (everyByte << 7)
}

// retag sets the tag of a slot, which nobody else does at the time.
func retag(all *atomic.Uint64, i int, hash uint64) {
	for {
		tags := all.Load()
		if all.CompareAndSwap(tags, tags&^(0xff<<(8*i))|tag(hash)<<(8*i)) {
			return
		}
	}
}

// claimLocked gives a key that has no slot one, with its first word. It returns
// nil if there is none: idle are those whose word is at most idle, and nobody in
// line. The caller has the key's lock.
//
// It takes from the set that has more of them, as sets then fill evenly, but from
// the first unless it makes a difference, as that is looked into first; and there
// the one that has been idle for longest.
func (t *table[M, W]) claimLocked(hash uint64, idle, first int64) *slot[M] {
	a := t.first(hash)
	b := t.second(hash, a)
	for {
		in, i, was := t.longestIdle(a, b, idle)
		if i < 0 {
			return nil
		}
		s := &t.sets[in][i]
		if s.word.CompareAndSwap(was, nobody) {
			s.hash.Store(hash)
			retag(&t.tags[in], i, hash)
			s.word.Store(first)
			return s
		}
	}
}

// longestIdle returns a slot of the two sets, and its word; at < 0 if none is idle.
func (t *table[M, W]) longestIdle(a, b uint64, idle int64) (in uint64, at int, word int64) {
	at = -1
	most := 0
	for _, set := range [...]uint64{a, b} {
		n, low, lowest := 0, int64(math.MaxInt64), 0
		for i := range t.sets[set] {
			if w := t.sets[set][i].word.Load(); w != nobody && w <= idle && w&queued == 0 {
				if n++; w < low {
					low, lowest = w, i
				}
			}
		}
		if n > 0 && (most == 0 || n > most+1) {
			most, in, at, word = n, set, lowest, low
		}
	}
	return in, at, word
}

// pushLocked puts a call in line.
func (st *stripe[W]) pushLocked(hash uint64, e *fifo.Elem[W]) {
	line := st.mu.lines[hash]
	if line == nil {
		if st.mu.lines == nil {
			st.mu.lines = make(map[uint64]*fifo.Line[W])
		}
		line = new(fifo.Line[W])
		st.mu.lines[hash] = line
	}
	line.Push(e)
	st.mu.waiting++
}

// removeLocked takes a call out of line.
func (st *stripe[W]) removeLocked(hash uint64, e *fifo.Elem[W]) {
	line := st.mu.lines[hash]
	line.Remove(e)
	st.mu.waiting--
	if line.Len() == 0 {
		delete(st.mu.lines, hash)
	}
}

// firstLocked returns who is first in line for a key, nil if nobody is.
func (st *stripe[W]) firstLocked(hash uint64) *fifo.Elem[W] {
	if line := st.mu.lines[hash]; line != nil {
		return line.First()
	}
	return nil
}

func (st *stripe[W]) lengthLocked(hash uint64) int64 {
	if line := st.mu.lines[hash]; line != nil {
		return line.Len()
	}
	return 0
}

// stats adds all stripes up, and returns the units given back besides.
func (t *table[M, W]) stats() (stats belay.Stats, returned uint64) {
	for i := range t.stripes { // before what was granted, so that it is never more
		returned += t.stripes[i].returned.Load()
	}
	for i := range t.stripes {
		st := &t.stripes[i]
		stats.Total += st.total.Load()
		stats.Refused += st.refused.Load()
		stats.Cancelled += st.cancelled.Load()
		st.mu.Lock()
		stats.Waiting += st.mu.waiting
		stats.Waited += st.mu.waited
		for j, n := range st.mu.waitTime.Counts {
			stats.WaitTime.Counts[j] += n
		}
		stats.WaitTime.Sum += min(st.mu.waitTime.Sum, math.MaxInt64-stats.WaitTime.Sum)
		st.mu.Unlock()
	}
	return stats, returned
}
