package keyed

// This file is the permits of a rate, on which the cost can be put right.

import (
	"sync"
	"sync/atomic"

	"github.com/belay-go/belay/limiter"
)

type bucket = *slot[atomic.Int64]

// claim is what a permit stands for. It is guarded by the lock of the hash in g.
type claim struct {
	r *rates
	g grabbed // where the tokens are from, and how it was after they were taken

	open     int64 // units that may still come back
	tokens   int64 // as of the last Settle
	released bool  // but a Settle is still to come
	left     int64 // tokens at the release
}

// claims are those that no permit stands for. They hold no channel and no timer.
var claims = sync.Pool{New: func() any { return new(claim) }}

// permit returns a permit for tokens that were taken. Where there is no limit there
// is nothing to put right.
func (r *rates) permit(g *grabbed) limiter.Permit {
	if g.slot == nil {
		return limiter.Permit{}
	}
	c := claims.Get().(*claim)
	*c = claim{r: r, g: *g, open: r.paceOf(g.hash).cost(g.n), tokens: g.n}
	return limiter.NewPermit(c, g.n)
}

// Release ends the permit: nothing can be put right any more. A Settle that was
// called before may come after it; then it is that one which ends the claim.
func (c *claim) Release(n int64) {
	st := c.r.table.stripe(c.g.hash)
	st.mu.Lock()
	over := n == c.tokens
	if !over {
		c.released, c.left = true, n
	}
	st.mu.Unlock()
	if over {
		c.end()
	}
}

func (c *claim) end() {
	*c = claim{}
	claims.Put(c)
}

// Settle turns the was tokens that were taken into is tokens. Of Settles that meet
// the second may come first, and give back more than is known to have been taken:
// what is below zero waits for the other one.
func (c *claim) Settle(was, is int64) {
	st := c.r.table.stripe(c.g.hash)
	st.mu.Lock()
	now, p := c.r.now(), c.r.paceOf(c.g.hash)
	before := max(0, c.tokens)
	c.tokens += is - was
	switch after := max(0, c.tokens); {
	case after < before:
		c.refundLocked(st, p.cost(before)-p.cost(after), now)
	case after > before:
		c.chargeLocked(after-before, p.cost(after)-p.cost(before), now)
	}
	over := c.released && c.tokens == c.left
	st.mu.Unlock()
	if over {
		c.end()
	}
}

// returnableLocked returns how many units may come back at t, so that in every
// span of time the bucket gives no more than it may.
//
// They may as far as the bucket, had they never been taken, would not have been
// full since: it would not have gained then what it has. Nobody knows how full it
// was when others took from it. But it can't have been fuller than if nobody had,
// with what it had after the tokens were taken, all that was gained since, and
// all that others gave back.
func (c *claim) returnableLocked(t int64) int64 {
	full := c.r.paceOf(c.g.hash).full
	return max(0, min(c.open, full-(t-c.g.empty)-(c.g.slot.more.Load()-c.g.seen)))
}

// refundLocked gives units back, as far as that may be.
func (c *claim) refundLocked(st *stripe[waiter], units int64, now instant) {
	t, s := c.r.paceOf(c.g.hash).at(now), c.g.slot
	units = min(units, c.returnableLocked(t))
	for units > 0 {
		word := s.word.Load()
		if word == nobody || s.hash.Load() != c.g.hash {
			return // it was full meanwhile
		}
		empty := max(unused, word>>1-units)
		if s.word.CompareAndSwap(word, empty<<1|word&queued) {
			// After the swap: who takes in between counts it as given back since.
			s.more.Add(units)
			c.open -= units
			c.r.serveLocked(st, s, c.g.hash, now, nil)
			return
		}
	}
}

// chargeLocked takes tokens, which cost so many units, without asking whether they
// are there. From here on the claim counts as made now, but for what could not come
// back any more.
func (c *claim) chargeLocked(tokens, units int64, now instant) {
	r := c.r
	p := r.paceOf(c.g.hash)
	t := p.at(now)
	c.open = c.returnableLocked(t)
	for {
		s := c.g.slot
		seen, word := s.more.Load(), s.word.Load()
		if word == nobody || s.hash.Load() != c.g.hash {
			// It was full meanwhile, and its slot went to another key.
			s = r.table.find(c.g.hash)
			if s == nil {
				s = r.table.claimLocked(c.g.hash, (t-p.full)<<1, (t-p.full)<<1)
			}
			if s == nil { // then those pay who are new as well
				r.chargeOverflow(tokens, now)
				return
			}
			c.g.slot = s
			continue
		}
		empty := min(p.after(word>>1, t, units), t+highest)
		if s.word.CompareAndSwap(word, empty<<1|word&queued) {
			c.g.empty, c.g.seen = empty, seen
			c.open += units
			return
		}
	}
}

func (r *rates) chargeOverflow(tokens int64, now instant) {
	t, units := r.spare.at(now), r.spare.cost(tokens)
	for {
		word := r.overflow.word.Load()
		empty := min(r.spare.after(word>>1, t, units), t+highest)
		if r.overflow.word.CompareAndSwap(word, empty<<1|word&queued) {
			return
		}
	}
}
