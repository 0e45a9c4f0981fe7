package keyed

// This file waits for tokens of a key, in a line that moves forward.
//
// Who is in line has taken nothing: the first takes its tokens at its turn, and
// until then the bucket says that there is a line, so that nobody passes by. So
// who gives up has nothing to give back.

import (
	"context"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/internal/fifo"
	"github.com/belay-go/belay/limiter"
)

// state says how far a wait has come. It changes under its key's lock:
//
//	Take ──> waiting ──> served
//	            └──────> left
type state uint8

const (
	waiting state = iota // in line. From Take, to one of the others
	served               // out of line, with what it waited for. From waiting, by serveLocked
	left                 // out of line, with nothing. From waiting, by its own call
)

// waiter is a call in line for tokens. All of it but the timer is guarded by the
// key's lock.
type waiter struct {
	g     grabbed
	cost  int64
	state state
	began instant

	// The only way to be woken. Of the first it fires at its turn, of the others
	// never: whoever makes one the first sees to its timer.
	timer *time.Timer
}

type turn = fifo.Elem[waiter]

// wait takes n tokens, which were not there, at their turn.
func (r *rates) wait(ctx context.Context, hash uint64, n int64) (limiter.Permit, error) {
	// A context may be anyone's code, which must not run under the lock.
	done, patience := ctx.Done(), patience(ctx)
	for {
		g := r.grab(hash, n)
		switch {
		case g.ok:
			return r.permit(&g), nil
		case g.none:
			return limiter.Permit{}, r.refuse(&g, nil)
		}
		e, wait, ok := r.lineUp(&g, patience)
		switch {
		case e != nil:
			return r.await(ctx, done, e)
		case ok:
			r.refused(&g)
			return limiter.Permit{}, &limiter.RefusedError{Reason: limiter.ErrTooLate, RetryAfter: wait}
		}
	}
}

// patience returns how long a turn may be away so that it comes before ctx's
// deadline. A turn at the very deadline is too late.
func patience(ctx context.Context) time.Duration {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return never
	}
	return max(0, time.Until(deadline)-1)
}

// lineUp puts a call in line and starts its timer, unless its turn, after wait,
// comes too late. It is not ok if by now there are tokens, or it is another bucket.
func (r *rates) lineUp(g *grabbed, patience time.Duration) (e *turn, wait time.Duration, ok bool) {
	st, p := r.table.stripe(g.hash), r.paceOf(g.hash)
	st.mu.Lock()
	defer st.mu.Unlock()
	for {
		now := r.now() // first, as another clock changes the word
		word := g.slot.word.Load()
		if word == nobody || g.slot.hash.Load() != g.hash {
			return nil, 0, false
		}
		if wait = r.turnLocked(st, g, word, now); wait == 0 && st.firstLocked(g.hash) == nil {
			return nil, 0, false
		}
		if wait == never || wait > patience {
			return nil, wait, true
		}
		if word&queued == 0 && !g.slot.word.CompareAndSwap(word, word|queued) {
			continue
		}
		e = &turn{Value: waiter{g: *g, cost: p.cost(g.n), began: now}}
		if st.firstLocked(g.hash) == nil {
			e.Value.timer = time.NewTimer(wait)
		} else {
			e.Value.timer = time.NewTimer(never)
		}
		st.pushLocked(g.hash, e)
		return e, wait, true
	}
}

// turnLocked returns how long the wait of a call is that comes last in line.
func (r *rates) turnLocked(st *stripe[waiter], g *grabbed, word int64, now instant) time.Duration {
	p := r.paceOf(g.hash)
	t := p.at(now)
	empty := p.after(word>>1, t, p.cost(g.n))
	for e := st.firstLocked(g.hash); e != nil; e = e.Next() {
		empty = min(empty+e.Value.cost, t+2*highest)
	}
	return p.duration(empty - t)
}

// turn is turnLocked for who doesn't wait.
func (r *rates) turn(g *grabbed) time.Duration {
	st := r.table.stripe(g.hash)
	st.mu.Lock()
	defer st.mu.Unlock()
	now := r.now()
	return r.turnLocked(st, g, g.slot.word.Load(), now)
}

// await waits for the turn of e. If that and the end of the context meet, the
// context wins: to the caller it came first.
func (r *rates) await(ctx context.Context, done <-chan struct{}, e *turn) (limiter.Permit, error) {
	defer e.Value.timer.Stop()
	for {
		select {
		case <-e.Value.timer.C:
		case <-done:
		}
		// Not by ctx.Err: that may be anyone's code, which may panic, and leave this
		// call in line for ever.
		gone := false
		select {
		case <-done:
			gone = true
		default:
		}
		if r.wake(e, gone) {
			if gone {
				return limiter.Permit{}, ctxerr.Of(ctx)
			}
			return r.permit(&e.Value.g), nil
		}
	}
}

// wake is what a call in line does when it is woken, by its timer or by the end of
// its context. over says that its wait is.
func (r *rates) wake(e *turn, gone bool) (over bool) {
	w := &e.Value
	st := r.table.stripe(w.g.hash)
	st.mu.Lock()
	defer st.mu.Unlock()
	now := r.now()
	switch {
	case gone && w.state == waiting:
		w.state = left
		first := st.firstLocked(w.g.hash) == e
		st.removeLocked(w.g.hash, e)
		if first {
			r.serveLocked(st, w.g.slot, w.g.hash, now, nil)
		}
	case gone:
		c := claim{r: r, g: w.g, open: w.cost}
		c.refundLocked(st, w.cost, now)
	default:
		r.serveLocked(st, w.g.slot, w.g.hash, now, e)
		if w.state == waiting {
			return false
		}
	}
	if gone {
		st.cancelled.Add(1)
		return true
	}
	st.mu.waited++
	st.mu.waitTime.Observe(time.Duration(now - w.began))
	st.total.Add(uint64(w.g.n))
	if w.g.hash == 0 {
		r.shared.total.Add(uint64(w.g.n))
	}
	return true
}

// serveLocked ends the waits of those whose turn has come, in their order: the one
// place where that happens. It wakes all but self, and must follow every change
// that may let the first go, or makes another the first.
func (r *rates) serveLocked(st *stripe[waiter], s bucket, hash uint64, now instant, self *turn) {
	p := r.paceOf(hash)
	t := p.at(now)
	for e := st.firstLocked(hash); e != nil; e = st.firstLocked(hash) {
		word := s.word.Load()
		empty := p.after(word>>1, t, e.Value.cost)
		if empty > t {
			e.Value.timer.Reset(p.duration(empty - t))
			return
		}
		seen := s.more.Load()
		if !s.word.CompareAndSwap(word, empty<<1|queued) {
			continue
		}
		e.Value.g.empty, e.Value.g.seen, e.Value.g.ok = empty, seen, true
		e.Value.state = served
		st.removeLocked(hash, e)
		if e != self {
			e.Value.timer.Reset(0)
		}
	}
	for word := s.word.Load(); word&queued != 0; word = s.word.Load() {
		if s.word.CompareAndSwap(word, word&^queued) {
			return
		}
	}
}
