package keyed

// This file is the rate of each key: what takes tokens that are there.

import (
	"context"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/limiter"
)

// RateOptions are the settings of [NewRate].
type RateOptions struct {
	// Keys is how many keys there is room for with less than a full bucket. It
	// decides how much memory is taken, 38 bytes a key. Zero is 65,536.
	Keys int
	// Limit is the tokens that each key gains in a second. Zero, less, and what is
	// not a number give none; more than 1e9 is no limit.
	Limit float64
	// Burst is the most tokens that a key can have. Zero or less allows nothing,
	// unless there is no limit.
	Burst int64
	// Overflow is how many keys' worth the bucket is that all new keys share while
	// the table is full: so many times the limit and the burst of one. Zero, or
	// less, is one.
	Overflow int64
}

// Rate is a token bucket for each key of type K, in memory that doesn't grow. All
// methods may be called concurrently. The zero value panics with "keyed: not made
// by NewRate or NewSemaphore" on first use. It orders nothing beyond its own
// state: what one caller did before it was allowed an event is not thereby visible
// to the next.
type Rate[K comparable] struct {
	seed maphash.Seed
	core *rates
}

// RateKey is the bucket of one key, from [Rate.For]: a small value, to be used and
// dropped, or kept. It is a [limiter.Limiter]; to make an interface of it
// allocates 16 bytes, to call it does not. All methods may be called concurrently.
// The zero value panics as that of [Rate] does.
type RateKey struct {
	core *rates
	hash uint64
}

// rates is a Rate whatever its keys.
type rates struct {
	clock
	table    *table[atomic.Int64, waiter] // more is the units ever given back, wrapping
	pace     pace
	spare    pace               // of the overflow
	overflow slot[atomic.Int64] // its hash stays 0, its key's lock is that of stripe 0
	shared   stripe[struct{}]   // its counters are of the overflow
}

// NewRate returns a rate of which every key has a full bucket. It panics with
// "keyed: keys < 0" if there are to be less than no keys.
func NewRate[K comparable](o RateOptions) *Rate[K] {
	n := max(1, o.Overflow)
	r := &rates{
		table: newTable[atomic.Int64, waiter](o.Keys, 1, unused<<1),
		pace:  newPace(o.Limit, o.Burst),
		spare: newPace(o.Limit*float64(n), product(n, max(0, o.Burst))),
	}
	r.clock.forget = r.forget
	r.overflow.word.Store(unused << 1)
	return &Rate[K]{seed: maphash.MakeSeed(), core: r}
}

// product multiplies what isn't negative; it saturates.
func product(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// For returns the bucket of a key. It never fails and takes no room: only what
// takes tokens does. A key that is an interface and holds what can't be compared
// panics, as that of a map does; one that is not equal to itself, like a NaN, is
// another each time.
func (r *Rate[K]) For(key K) RateKey {
	if r.core == nil {
		panic(notMade)
	}
	return RateKey{core: r.core, hash: hashOf(r.seed, key)}
}

const notMade = "keyed: not made by NewRate or NewSemaphore"

// Stats returns what all keys together say, those in the overflow included. Total
// counts tokens that were taken, also if they were given back later, Refused the
// calls that got nothing as there were none, not in time, or never will be.
// Waiting are the calls that wait now, Waited and WaitTime those that got their
// tokens after a wait, Cancelled those whose context ended. The rest stays zero.
// It takes constant time, and its fields are not of one instant.
func (r *Rate[K]) Stats() belay.Stats {
	if r.core == nil {
		panic(notMade)
	}
	stats, _ := r.core.table.stats()
	return stats
}

// Overflow returns the Total and the Refused of [Rate.Stats] that new keys got
// from the bucket that they share, as there was no room in the table. If it grows,
// the table is too small for the keys there are, or someone makes keys up.
func (r *Rate[K]) Overflow() belay.Stats {
	if r.core == nil {
		panic(notMade)
	}
	return belay.Stats{Total: r.core.shared.total.Load(), Refused: r.core.shared.refused.Load()}
}

// Allow takes one token if there is one now, and reports whether it did: TryTake
// for who wants neither a permit nor a reason, in half the time.
func (k RateKey) Allow() bool {
	r := k.mustBeMade()
	if ok, known := r.allow(k.hash); known {
		return ok
	}
	g := r.grab(k.hash, 1)
	if !g.ok {
		r.refused(&g)
	}
	return g.ok
}

// allow is grab of one token of a key that is in the table, where nothing comes
// between.
func (r *rates) allow(hash uint64) (ok, known bool) {
	s, word := r.table.look(hash)
	if s == nil {
		return false, false
	}
	return r.allowIn(s, hash, word)
}

// allowIn is allow with what look found, perhaps long ago.
func (r *rates) allowIn(s bucket, hash uint64, word int64) (ok, known bool) {
	p := &r.pace
	if word&queued != 0 || p.unlimited || p.burst == 0 {
		return false, false
	}
	t := p.at(r.now())
	empty := p.after(word>>1, t, p.one)
	if empty > t {
		if s.word.Load() != word {
			return false, false
		}
		r.table.stripe(hash).refused.Add(1)
		return false, true
	}
	if !s.word.CompareAndSwap(word, empty<<1) {
		return false, false
	}
	r.table.stripe(hash).total.Add(1)
	return true, true
}

// TryTake takes n tokens if they are there now. The error is a
// [*limiter.RefusedError]: [limiter.ErrLimited], which says when to come back, or
// [limiter.ErrTooLarge] if n is more than the burst. It panics with "keyed: n < 0"
// if n is negative.
//
// [limiter.Permit.Settle] puts the cost right when it is known. What was too
// little is taken at once, and owed by those who come later. What was too much
// comes back as far as it is certain that the bucket had room for it all the time:
// no more than the burst, less what the bucket gained since the tokens were taken
// and had then, and less what others gave back since. So it mostly comes back
// whole where calls are short beside the time in which a bucket fills, or settled
// at once. Releasing the permit gives nothing back, as the event has happened.
func (k RateKey) TryTake(n int64) (limiter.Permit, error) {
	r := k.mustBeMade()
	mustNotBeNegative(n)
	g := r.grab(k.hash, n)
	if !g.ok {
		return limiter.Permit{}, r.refuse(&g, limiter.ErrLimited)
	}
	return r.permit(&g), nil
}

// Take is TryTake that waits for its tokens, after all who came earlier for this
// key. The error is
//
//   - one that Is both ctx.Err() and the context's cause, if ctx is done before
//     the call, or gets done during the wait;
//   - a [*limiter.RefusedError], at once: [limiter.ErrTooLarge] if n is more than
//     the burst, [limiter.ErrTooLate] if the wait would not end before ctx's
//     deadline, or never, with how long it would have been.
//
// Nothing is taken then. Who gives up leaves the line, and those behind it go
// earlier. A wait costs a timer and a place in line, as long as it lasts. Take
// panics with "keyed: n < 0" if n is negative and with "keyed: Take with a nil
// context" if ctx is nil.
func (k RateKey) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	r := k.mustBeMade()
	mustHaveContext(ctx)
	mustNotBeNegative(n)
	if err := ctxerr.Of(ctx); err != nil {
		r.table.stripe(k.hash).cancelled.Add(1)
		return limiter.Permit{}, err
	}
	if g := r.grab(k.hash, n); g.ok {
		return r.permit(&g), nil
	}
	return r.wait(ctx, k.hash, n)
}

// Quota returns, for those who tell clients of it, the burst, the whole tokens
// that are there, the time in which a full burst is gained and that until there
// is one. The last two are the largest Duration where nothing is gained, and zero
// if there is no limit. It takes no room: a new key has a full bucket.
func (k RateKey) Quota() (limit, remaining int64, window, reset time.Duration) {
	r := k.mustBeMade()
	p := &r.pace
	if p.unlimited || p.burst == 0 {
		return p.burst, p.burst, 0, 0
	}
	limit, remaining, window = p.burst, p.burst, p.duration(p.full)
	if s := r.table.find(k.hash); s != nil {
		t := p.at(r.now()) // first, as another clock changes the word
		if word := s.word.Load(); word != nobody && s.hash.Load() == k.hash {
			remaining = p.tokens(word>>1, t)
			reset = p.duration(max(0, word>>1-(t-p.full)))
		}
	}
	return limit, remaining, window, reset
}

func (k RateKey) mustBeMade() *rates {
	if k.core == nil {
		panic(notMade)
	}
	return k.core
}

// grabbed is what came of an attempt to take tokens.
type grabbed struct {
	slot *slot[atomic.Int64] // nil: there is nothing to take, or no limit
	hash uint64              // of the key by which the lock and the line go: 0 for the overflow
	key  uint64              // of the key itself
	n    int64
	ok   bool
	line bool // refused as others are in line
	none bool // refused for ever

	empty int64 // the bucket was empty at, or would be
	short int64 // units that are missing
	seen  int64 // units that were given back before
}

// grab takes n tokens that are there now, unless others wait for them.
func (r *rates) grab(hash uint64, n int64) (g grabbed) {
	g.hash, g.key, g.n = hash, hash, n
	if r.pace.unlimited || n == 0 {
		r.table.stripe(hash).total.Add(uint64(n))
		g.ok = true
		return g
	}
	if n > r.pace.burst {
		g.none = true
		return g
	}
	for !r.attempt(&g) {
	}
	if g.ok {
		r.table.stripe(hash).total.Add(uint64(n))
		if g.hash == 0 {
			r.shared.total.Add(uint64(n))
		}
	}
	return g
}

// attempt reports whether it came to an end, or has to begin again as somebody
// was faster.
//
// The slot that it finds may be given to another key at any time. So it reads the
// hash again after the word, which then was of this key, and swaps that word: the
// swap fails if the slot has changed hands, as the first word of the next key is
// larger than any at which a bucket is idle. Only after a cost was given back
// could it be the same, to a sixteenth of a nanosecond; the other key then pays
// for this one.
func (r *rates) attempt(g *grabbed) (over bool) {
	g.hash = g.key
	s := r.table.find(g.hash)
	if s == nil {
		if s = r.admit(g); g.ok {
			return true
		}
	}
	return r.attemptIn(g, s)
}

// attemptIn is attempt with what it found, perhaps long ago.
func (r *rates) attemptIn(g *grabbed, s bucket) (over bool) {
	g.slot = s
	g.seen = s.more.Load() // before the swap: a later one counts as given back since
	word := s.word.Load()
	if word == nobody || s.hash.Load() != g.hash {
		return false
	}
	if word&queued != 0 {
		g.line = true
		return true
	}
	p := r.paceOf(g.hash)
	t := p.at(r.now())
	g.empty = p.after(word>>1, t, p.cost(g.n))
	if g.short = g.empty - t; g.short > 0 {
		// The clock may have been read long ago. But if nobody was here since before,
		// this was true when it was.
		return s.word.Load() == word
	}
	g.ok = s.word.CompareAndSwap(word, g.empty<<1)
	return g.ok
}

// admit takes the tokens of a key that has no slot, and so a full bucket, if there
// is a slot for it. Else it returns the one to go on with: that of the overflow, or
// the key's own, if somebody else was here first.
func (r *rates) admit(g *grabbed) *slot[atomic.Int64] {
	st := r.table.stripe(g.hash)
	st.mu.Lock()
	defer st.mu.Unlock()
	if s := r.table.find(g.hash); s != nil {
		return s
	}
	t := r.pace.at(r.now())
	g.empty = t - r.pace.full + r.pace.cost(g.n)
	if g.slot = r.table.claimLocked(g.hash, (t-r.pace.full)<<1, g.empty<<1); g.slot != nil {
		g.seen = g.slot.more.Load()
		g.ok = true
		return g.slot
	}
	g.hash = 0
	return &r.overflow
}

// paceOf returns the pace of the buckets with a hash: the overflow's is 0.
func (r *rates) paceOf(hash uint64) *pace {
	if hash == 0 {
		return &r.spare
	}
	return &r.pace
}

// refused counts a refusal.
func (r *rates) refused(g *grabbed) {
	r.table.stripe(g.key).refused.Add(1)
	if g.hash == 0 {
		r.shared.refused.Add(1)
	}
}

var errTooLarge = &limiter.RefusedError{Reason: limiter.ErrTooLarge, RetryAfter: never}

// refuse counts a refusal and says why it was.
func (r *rates) refuse(g *grabbed, reason error) error {
	r.refused(g)
	if g.none {
		return errTooLarge
	}
	wait := r.paceOf(g.hash).duration(g.short)
	if g.line {
		wait = r.turn(g)
	}
	return &limiter.RefusedError{Reason: reason, RetryAfter: wait}
}

// forget makes all buckets full, as this is another clock, by which nobody can
// tell what has been gained.
func (r *rates) forget() {
	fill(&r.overflow)
	for i := range r.table.sets {
		for j := range r.table.sets[i] {
			fill(&r.table.sets[i][j])
		}
	}
}

func fill(s *slot[atomic.Int64]) {
	for word := s.word.Load(); word != nobody; word = s.word.Load() {
		if s.word.CompareAndSwap(word, unused<<1|word&queued) {
			return
		}
	}
}

func mustNotBeNegative(n int64) {
	if n < 0 {
		panic("keyed: n < 0")
	}
}

func mustHaveContext(ctx context.Context) {
	if ctx == nil {
		panic("keyed: Take with a nil context")
	}
}
