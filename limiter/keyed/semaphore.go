package keyed

// This file is the semaphore of each key: what takes room that is there, and gives
// it back. Its word is
//
//	 63 ........ 1   0
//	┌──────────────┬────────┐
//	│ units held   │ queued │
//	└──────────────┴────────┘
//
// and while calls are in line, who takes or gives back does so below the key's
// lock. A slot of which nothing is held is idle. A held one keeps its key, so a
// permit can stand for the slot itself.

import (
	"context"
	"hash/maphash"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/limiter"
)

// SemaphoreOptions are the settings of [NewSemaphore].
type SemaphoreOptions struct {
	// Keys is of how many keys something may be held at the same time; the next
	// is refused with [limiter.ErrFull]. It decides how much memory is taken, 50
	// bytes a key. Zero is 65,536. Fewer than one in ten million are refused
	// earlier, as the slots that they could have are all in use.
	Keys int
	// Size is how many units each key has. Not more than 2^61 count.
	Size int64
	// Queue is how many calls may wait for one key at the same time; the next is
	// refused with [limiter.ErrFull]. Zero is any number, negative is none.
	Queue int64
}

// Semaphore is a semaphore for each key of type K, in memory that doesn't grow. All
// methods may be called concurrently. The zero value panics with "keyed: not made
// by NewRate or NewSemaphore" on first use. What happened before a permit was
// released is visible to whoever takes something of the same key later.
type Semaphore[K comparable] struct {
	seed maphash.Seed
	core *semaphores
}

// SemaphoreKey is the semaphore of one key, from [Semaphore.For]: a small value, to
// be used and dropped, or kept. It is a [limiter.Limiter]; to make an interface
// of it allocates 16 bytes, to call it does not. All methods may be called
// concurrently. The zero value panics as that of [Semaphore] does.
type SemaphoreKey struct {
	core *semaphores
	hash uint64
}

// semaphores is a Semaphore whatever its keys.
type semaphores struct {
	table *table[home, sleeper]
	size  int64
	keys  int64
	queue int64 // as in Options
	held  atomic.Int64
}

// home is whose slot it is. It doesn't change.
type home struct{ core *semaphores }

type place = slot[home]

// holder is a slot as a permit sees it.
type holder place

const maxSize = 1 << 61

// NewSemaphore returns a semaphore of which nothing is held. It panics with "keyed:
// keys < 0" and "keyed: size < 0" if there are to be less than none.
func NewSemaphore[K comparable](o SemaphoreOptions) *Semaphore[K] {
	if o.Size < 0 {
		panic("keyed: size < 0")
	}
	c := &semaphores{
		table: newTable[home, sleeper](o.Keys, 2, 0),
		size:  min(o.Size, maxSize),
		keys:  int64(o.Keys),
		queue: o.Queue,
	}
	if c.keys == 0 {
		c.keys = defaultKeys
	}
	for i := range c.table.sets {
		for j := range c.table.sets[i] {
			c.table.sets[i][j].more.core = c
		}
	}
	return &Semaphore[K]{seed: maphash.MakeSeed(), core: c}
}

// For returns the semaphore of a key, see [Rate.For].
func (s *Semaphore[K]) For(key K) SemaphoreKey {
	if s.core == nil {
		panic(notMade)
	}
	return SemaphoreKey{core: s.core, hash: hashOf(s.seed, key)}
}

// Stats returns what all keys together say. Limit is the units of as many keys as
// there may be, InFlight the units held, Waiting the calls in line. Total counts
// the units granted, Waited and WaitTime the calls that were granted something
// after a wait, Refused those that got nothing at once, Cancelled those whose
// context ended. The rest stays zero. It takes constant time. Its fields are not
// of one instant: while others take and release, InFlight is what was held at
// some time during the call, and what was taken since.
func (s *Semaphore[K]) Stats() belay.Stats {
	if s.core == nil {
		panic(notMade)
	}
	stats, returned := s.core.table.stats()
	stats.InFlight = int64(stats.Total - returned)
	stats.Limit = product(s.core.keys, s.core.size)
	return stats
}

// TryTake takes n units if they are free now and nobody waits for this key. The
// error is a [*limiter.RefusedError]: [limiter.ErrTooLarge] if n is more than the
// size, else [limiter.ErrFull], which says NoWait if Take would have been refused as
// well: as many calls wait for the key as may, or units of as many keys are held,
// and not of this one. TryTake panics with "keyed: n < 0" if n is negative.
//
// [limiter.Permit.Settle] gives units back early that turn out not to be needed.
func (k SemaphoreKey) TryTake(n int64) (limiter.Permit, error) {
	c := k.mustBeMade()
	mustNotBeNegative(n)
	s, err := c.grab(k.hash, n)
	if err != nil {
		if err == errFull && c.queue < 0 {
			err = errNoWait
		}
		if err == errFull && c.queue > 0 && c.lineOf(k.hash) >= c.queue {
			err = errNoWait
		}
		c.table.stripe(k.hash).refused.Add(1)
		return limiter.Permit{}, err
	}
	return permitFor(s, n), nil
}

// Take is TryTake that waits while the key's units are held, after all who came
// earlier for it. The error is
//
//   - one that Is both ctx.Err() and the context's cause, if ctx is done before
//     the call, or gets done during the wait;
//   - a [*limiter.RefusedError], at once: [limiter.ErrTooLarge] if n is more than
//     the size, [limiter.ErrFull] if as many calls wait for the key as may, or
//     units of as many keys are held, and not of this one.
//
// Nothing is taken then. Who gives up leaves the line, and those behind it who
// now fit go on. A wait costs a channel and a place in line, as long as it lasts.
// Take panics with "keyed: n < 0" if n is negative and with "keyed: Take with a
// nil context" if ctx is nil.
func (k SemaphoreKey) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	c := k.mustBeMade()
	mustHaveContext(ctx)
	mustNotBeNegative(n)
	if err := ctxerr.Of(ctx); err != nil {
		c.table.stripe(k.hash).cancelled.Add(1)
		return limiter.Permit{}, err
	}
	s, err := c.grab(k.hash, n)
	if err == errFull {
		return c.wait(ctx, k.hash, n)
	}
	if err != nil {
		c.table.stripe(k.hash).refused.Add(1)
		return limiter.Permit{}, err
	}
	return permitFor(s, n), nil
}

// Quota returns the size and the units that are free, for those who tell clients of
// it; window and reset, the times of a rate, are zero.
func (k SemaphoreKey) Quota() (limit, remaining int64, window, reset time.Duration) {
	c := k.mustBeMade()
	held := int64(0)
	if s := c.table.find(k.hash); s != nil {
		if word := s.word.Load(); word != nobody && s.hash.Load() == k.hash {
			held = word >> 1
		}
	}
	return c.size, c.size - held, 0, 0
}

// Rank returns the key's place in the order in which [limiter.All] takes from
// semaphores: behind those that have no keys, and the same each time.
func (k SemaphoreKey) Rank() uint64 {
	k.mustBeMade()
	return k.hash
}

func (k SemaphoreKey) mustBeMade() *semaphores {
	if k.core == nil {
		panic(notMade)
	}
	return k.core
}

// The refusals of a semaphore. When there is room again depends on others.
var (
	errFull   = &limiter.RefusedError{Reason: limiter.ErrFull}
	errNoWait = &limiter.RefusedError{Reason: limiter.ErrFull, NoWait: true}
)

// permitFor returns a permit for n units of a slot, nil if it is for none.
func permitFor(s *place, n int64) limiter.Permit {
	if s == nil {
		return limiter.Permit{}
	}
	return limiter.NewPermit((*holder)(s), n)
}

// grab takes n units that are free, unless others wait for them: then it says
// errFull. Nothing has no slot.
func (c *semaphores) grab(hash uint64, n int64) (*place, *limiter.RefusedError) {
	switch {
	case n > c.size:
		return nil, errTooLarge
	case n == 0:
		return nil, nil
	}
	for {
		s, err, over := c.attempt(hash, n)
		if over && err == nil {
			c.table.stripe(hash).total.Add(uint64(n))
		}
		if over {
			return s, err
		}
	}
}

// attempt reports whether it came to an end, or has to begin again as somebody
// was faster.
func (c *semaphores) attempt(hash uint64, n int64) (s *place, err *limiter.RefusedError, over bool) {
	if s = c.table.find(hash); s == nil {
		return c.admit(hash, n)
	}
	word := s.word.Load()
	if word == nobody || s.hash.Load() != hash {
		return nil, nil, false
	}
	return c.attemptIn(s, hash, n, word)
}

// attemptIn is attempt with what it found, perhaps long ago.
func (c *semaphores) attemptIn(s *place, hash uint64, n, word int64) (_ *place, err *limiter.RefusedError, over bool) {
	if word&queued != 0 || word>>1 > c.size-n {
		return nil, errFull, true
	}
	if word == 0 {
		if ok, over := c.enter(); !ok {
			return nil, errNoWait, over && s.word.Load() == 0
		}
	}
	swapped := s.word.CompareAndSwap(word, word+n<<1)
	if word == 0 {
		c.entered(swapped)
	}
	if !swapped {
		return nil, nil, false
	}
	// An idle word is like any other, so the slot may have changed hands and be
	// idle again. Now that it is held its key stays, and can be looked at.
	if s.hash.Load() != hash {
		giveBack(s, n)
		return nil, nil, false
	}
	return s, nil, true
}

// admit takes n units of a key that has no slot, and so nothing held.
func (c *semaphores) admit(hash uint64, n int64) (s *place, err *limiter.RefusedError, over bool) {
	if ok, over := c.enter(); !ok {
		return nil, errNoWait, over && c.table.find(hash) == nil
	}
	st := c.table.stripe(hash)
	st.mu.Lock()
	defer st.mu.Unlock()
	if c.table.find(hash) != nil {
		c.entered(false)
		return nil, nil, false
	}
	s = c.table.claimLocked(hash, 0, n<<1)
	c.entered(s != nil)
	if s == nil {
		return nil, errNoWait, true
	}
	return s, nil, true
}

// What held counts: keys of which something is held, and above them the calls
// that are about to change that for a key. While there are such nobody can tell
// whether a key that is not held has to be refused: it may be the one.
const (
	oneKey  = 1
	oneTurn = 1 << 32
)

// enter counts one more key of which something is held, if there may be, and a
// call that is about to make it so; entered must follow. If it is not over, it is
// to be tried again.
func (c *semaphores) enter() (ok, over bool) {
	for {
		held := c.held.Load()
		if held%oneTurn >= c.keys {
			if over = held < oneTurn; !over {
				runtime.Gosched()
			}
			return false, over
		}
		if c.held.CompareAndSwap(held, held+oneKey+oneTurn) {
			return true, true
		}
	}
}

// entered ends what enter began.
func (c *semaphores) entered(held bool) {
	if held {
		c.held.Add(-oneTurn)
	} else {
		c.held.Add(-oneTurn - oneKey)
	}
}

// leave announces that something is perhaps given back that was the last of its
// key; left must follow.
func (c *semaphores) leave() { c.held.Add(oneTurn) }

// left ends what leave began.
func (c *semaphores) left(idle bool) { c.entered(!idle) }
