package keyed

// This file gives back what was taken of a key's semaphore, and waits for it.

import (
	"context"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/internal/fifo"
	"github.com/belay-go/belay/limiter"
)

// sleeper is a call in line for units. It is guarded by the key's lock.
type sleeper struct {
	slot  *place
	n     int64
	state state
	began time.Time
	// ready is sent to once, when it was served, and has room for that. It is made
	// for this one wait.
	ready chan struct{}
}

// Release gives back n units. A permit that was settled to nothing has none, and
// its slot may be another key's.
func (h *holder) Release(n int64) {
	if n == 0 {
		return
	}
	s := (*place)(h)
	// Before, so that who sees them free sees them counted.
	s.more.core.table.stripe(s.hash.Load()).returned.Add(uint64(n))
	giveBack(s, n)
}

// giveBack makes n units of a slot free. They are held, so the slot has its key.
func giveBack(s *place, n int64) {
	c := s.more.core
	for {
		word := s.word.Load()
		if word&queued != 0 {
			hash := s.hash.Load()
			st := c.table.stripe(hash)
			st.mu.Lock()
			c.giveBackLocked(st, s, hash, n)
			st.mu.Unlock()
			return
		}
		last := word == n<<1
		if last {
			c.leave()
		}
		swapped := s.word.CompareAndSwap(word, word-n<<1)
		if last {
			c.left(swapped)
		}
		if swapped {
			return
		}
	}
}

// giveBackLocked makes n units free and serves the line: the one place where a
// call in line is granted something. It must follow every change that may let the
// first in line fit.
//
// It stops at the first that doesn't fit: to look further for a smaller one would
// starve the large request for as long as small ones come.
func (c *semaphores) giveBackLocked(st *stripe[sleeper], s *place, hash uint64, n int64) {
	for {
		word := s.word.Load()
		free := c.size - word>>1 + n
		granted, first := int64(0), st.firstLocked(hash)
		for first != nil && first.Value.n <= free-granted {
			granted += first.Value.n
			first = first.Next()
		}
		next := (c.size - free + granted) << 1
		if first != nil {
			next |= queued
		}
		last := next == 0 && word != 0
		if last {
			c.leave()
		}
		swapped := s.word.CompareAndSwap(word, next)
		if last {
			c.left(swapped)
		}
		if !swapped {
			continue // the line has just ended or begun
		}
		for e := st.firstLocked(hash); e != first; e = st.firstLocked(hash) {
			st.removeLocked(hash, e)
			st.total.Add(uint64(e.Value.n))
			st.mu.waited++
			st.mu.waitTime.Observe(time.Since(e.Value.began))
			e.Value.state = served
			e.Value.ready <- struct{}{} // never waits: there is room for the only one
		}
		return
	}
}

// wait takes n units, which were not free, when it is their turn.
func (c *semaphores) wait(ctx context.Context, hash uint64, n int64) (limiter.Permit, error) {
	// A context may be anyone's code, which must not run under the lock.
	done := ctx.Done()
	for {
		s, err := c.grab(hash, n)
		if err == nil {
			return permitFor(s, n), nil
		}
		if err == errFull {
			var e *fifo.Elem[sleeper]
			if e, err = c.lineUp(hash, n); e != nil {
				return c.await(ctx, done, e)
			}
		}
		if err != nil {
			c.table.stripe(hash).refused.Add(1)
			return limiter.Permit{}, err
		}
	}
}

// lineUp puts a call in line; neither that nor refuses it if by now there may be
// room.
func (c *semaphores) lineUp(hash uint64, n int64) (*fifo.Elem[sleeper], *limiter.RefusedError) {
	st := c.table.stripe(hash)
	var stray *place
	st.mu.Lock()
	defer func() {
		st.mu.Unlock()
		if stray != nil {
			c.mend(stray)
		}
	}()
	s := c.table.find(hash)
	if s == nil {
		return nil, nil
	}
	if c.queue < 0 || c.queue > 0 && st.lengthLocked(hash) >= c.queue {
		return nil, errNoWait
	}
	for {
		word := s.word.Load()
		if word == nobody || s.hash.Load() != hash || word&queued == 0 && word>>1 <= c.size-n {
			return nil, nil
		}
		if word&queued != 0 {
			break
		}
		if s.word.CompareAndSwap(word, word|queued) {
			if s.hash.Load() == hash { // as in attempt
				break
			}
			stray = s
			return nil, nil
		}
	}
	e := &fifo.Elem[sleeper]{Value: sleeper{slot: s, n: n, began: time.Now(), ready: make(chan struct{}, 1)}}
	st.pushLocked(hash, e)
	return e, nil
}

// mend makes a slot say whether calls are in line for its key.
func (c *semaphores) mend(s *place) {
	hash := s.hash.Load()
	st := c.table.stripe(hash)
	st.mu.Lock()
	defer st.mu.Unlock()
	if s.word.Load()&queued != 0 && s.hash.Load() == hash {
		c.giveBackLocked(st, s, hash, 0)
	}
}

// await waits for the turn of e. If that and the end of the context meet, the
// context wins and the grant goes back: to the caller, the end came first.
func (c *semaphores) await(ctx context.Context, done <-chan struct{}, e *fifo.Elem[sleeper]) (limiter.Permit, error) {
	s, n := e.Value.slot, e.Value.n
	select {
	case <-e.Value.ready:
		// Not by ctx.Err: that may be anyone's code, and units are held here.
		select {
		case <-done:
		default:
			return permitFor(s, n), nil
		}
	case <-done:
	}
	c.giveUp(e)
	return limiter.Permit{}, ctxerr.Of(ctx)
}

// giveUp ends a wait because its context is done.
func (c *semaphores) giveUp(e *fifo.Elem[sleeper]) {
	// Either it is in line or it holds something, so the slot has its key.
	s := e.Value.slot
	hash := s.hash.Load()
	st := c.table.stripe(hash)
	st.cancelled.Add(1)
	st.mu.Lock()
	defer st.mu.Unlock()
	back := int64(0)
	switch e.Value.state {
	case waiting:
		e.Value.state = left
		st.removeLocked(hash, e)
	case served:
		back = e.Value.n
		st.returned.Add(uint64(back))
	}
	c.giveBackLocked(st, s, hash, back)
}

// lineOf returns how many calls wait for a key.
func (c *semaphores) lineOf(hash uint64) int64 {
	st := c.table.stripe(hash)
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.lengthLocked(hash)
}
