package pool

// This file is the life of one resource, and the one place where what becomes
// available goes to whom it belongs.

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/internal/fifo"
)

// state is where an entry is in its life. Only moveLocked changes it:
//
//	          ┌────────────────────────────┐ Open failed, or Detach
//	opening ──┴─> idle <──> out ───────────┴─> gone
//	              │  ▲       │                  ▲
//	              ▼  │       ▼                  │
//	           checking ─> closing ─────────────┘
//
// From idle to closing as well, past its time.
type state uint8

const (
	opening  state = iota // Open runs. From startLocked, to idle or gone
	idle                  // nobody has it. From opening, out, checking; to out, checking, closing
	out                   // a handle is for it, or Get checks it. From idle, to idle, closing, gone
	checking              // Tend checks it. From idle, to idle or closing
	closing               // Close runs. From idle, out, checking; to gone
	gone                  // has no place any more. From opening, out, closing
	states
)

// entry is a place with a resource in it.
type entry[T any] struct {
	pool *Pool[T]
	gen  atomic.Uint64 // of the handle; the next one once it has given back
	held atomic.Pointer[holding]

	// Guarded by the pool's lock.
	state  state
	owner  *elem[T]                // opening: the wait it was begun for, if that goes on
	cancel context.CancelCauseFunc // opening, checking: ends the context of that
	inAll  fifo.Elem[*entry[T]]
	inIdle fifo.Elem[*entry[T]]

	// Written by whoever has the entry to himself, before he offers it.
	value   T
	life    time.Duration // after born, if lifetimes are bounded
	born    instant
	since   instant // idle
	seen    instant // last known to work
	round   uint64  // in which it was last checked in idle time
	broken  uint64  // how many others had been found broken by then
	suspect bool    // has to be checked before it is lent
	used    bool    // was lent once
}

type elem[T any] = fifo.Elem[waiter[T]]

// instant is a time from epoch on. In a bubble it is decades away from any outside.
type instant time.Duration

// epoch: the difference to it costs half of what [time.Now] does.
var epoch = time.Now()

// now reads the clock, if the options need it.
func (p *Pool[T]) now() instant {
	if !p.timed {
		return 0
	}
	return instant(time.Since(epoch))
}

// skew is how old a caller's reading of the clock may be, and far less than
// there is from any real clock to that of a bubble.
const skew = time.Minute

// age returns how long before now t was; the longest time if that is of another
// clock: a resource of a bubble, whose channels nobody outside can use.
func age(now, t instant) time.Duration {
	d := time.Duration(now - t)
	if d < -skew {
		return math.MaxInt64
	}
	return d
}

// moveLocked is the one transition.
func (p *Pool[T]) moveLocked(e *entry[T], to state) {
	if e.state == idle {
		p.mu.idle.Remove(&e.inIdle)
	}
	p.mu.count[e.state]--
	e.state = to
	if to == gone {
		p.mu.all.Remove(&e.inAll)
		return
	}
	p.mu.count[to]++
}

// freeLocked returns the places that nothing is in.
func (p *Pool[T]) freeLocked() int64 {
	return int64(p.o.MaxOpen) - p.mu.places - p.mu.all.Len()
}

// popLocked lends what is idle, if nobody waits, and reports neither if nothing
// is.
func (p *Pool[T]) popLocked(now instant) (*entry[T], error) {
	switch {
	case p.mu.closed:
		p.mu.stats.Refused++
		return nil, errClosed
	case p.mu.line.Len() > 0:
		return nil, nil
	}
	e := p.popIdleLocked(now)
	if e != nil {
		p.mu.stats.Total++
	}
	return e, nil
}

// popIdleLocked takes out of idle what is next, and has closed what is too old.
// Whether Get has to check it is decided here, at the time at which it was offered
// if somebody waits: what was opened for a caller is new, however late that wakes.
func (p *Pool[T]) popIdleLocked(now instant) *entry[T] {
	for {
		next := p.mu.idle.Last()
		if p.o.OldestFirst {
			next = p.mu.idle.First()
		}
		if next == nil {
			return nil
		}
		e := next.Value
		if p.tooOld(e, now) {
			p.mu.counts.Expired++
			p.closeLocked(e)
			continue
		}
		e.suspect = e.broken != p.mu.broken || p.stale(e, now) || p.o.CheckAfter < 0 && e.used
		p.moveLocked(e, out)
		return e
	}
}

// tooOld is for an entry that nobody else has.
func (p *Pool[T]) tooOld(e *entry[T], now instant) bool {
	return p.o.MaxLifetime > 0 && age(now, e.born) >= e.life ||
		p.o.MaxIdleTime > 0 && age(now, e.since) >= p.o.MaxIdleTime
}

// offerLocked makes an entry idle, or has it closed if it must not be lent again.
// settleLocked must follow, and lends it to the first in line.
func (p *Pool[T]) offerLocked(e *entry[T], now instant) {
	e.since = now
	switch {
	case p.mu.closed:
		p.closeLocked(e)
	case p.tooOld(e, now):
		p.mu.counts.Expired++
		p.closeLocked(e)
	default:
		p.moveLocked(e, idle)
		p.mu.idle.Push(&e.inIdle)
	}
}

// closeLocked has an entry closed, beside the caller: Close may take its time.
func (p *Pool[T]) closeLocked(e *entry[T]) {
	p.mu.counts.Closed++
	if p.o.Close == nil {
		p.moveLocked(e, gone)
		return
	}
	p.moveLocked(e, closing)
	go p.shut(e) // ends with Close
}

func (p *Pool[T]) shut(e *entry[T]) {
	defer func() { // also if Close panics or exits
		now := p.now()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.moveLocked(e, gone)
		p.settleLocked(now)
	}()
	p.o.Close(e.value)
}

// startLocked puts a new entry in a free place. The caller sees to it that open
// runs, with the context of cancel, which may be anyone's and is made and ended
// without the lock.
func (p *Pool[T]) startLocked(owner *elem[T], cancel context.CancelCauseFunc) *entry[T] {
	e := &entry[T]{pool: p, owner: owner, cancel: cancel}
	e.inAll.Value, e.inIdle.Value = e, e
	p.mu.count[opening]++ // the only entry to it, so not by moveLocked
	p.mu.all.Push(&e.inAll)
	if owner != nil {
		owner.Value.opens = e
	}
	return e
}

// open opens the resource of an entry. Without an owner an error goes to the
// caller, a Tend.
func (p *Pool[T]) open(ctx context.Context, e *entry[T]) (err error) {
	var panicked *belay.PanicError
	err = belay.ErrGoexit // until Open returns
	returned := false
	defer func() {
		if !returned {
			if v := recover(); v != nil {
				panicked = caught(v)
			}
		}
		if p.opened(e, err, panicked) {
			return
		}
		if panicked != nil {
			panicked.Repanic() // nobody else is there who could
		}
	}()
	ctx, stop := p.bound(ctx, "pool: open")
	defer stop()
	v, err := p.o.Open(ctx)
	returned = true
	e.value = v
	return err
}

func caught(value any) *belay.PanicError {
	if e, again := value.(*belay.PanicError); again {
		return e
	}
	return &belay.PanicError{Value: value, Stack: debug.Stack()}
}

// bound bounds what the pool does on its own.
func (p *Pool[T]) bound(ctx context.Context, what string) (context.Context, context.CancelFunc) {
	if p.o.Timeout < 0 {
		return ctx, func() {}
	}
	return ctxutil.ShrinkNamed(ctx, what, p.o.Timeout)
}

// opened says how Open went, and reports whether it could tell the owner.
func (p *Pool[T]) opened(e *entry[T], err error, panicked *belay.PanicError) (told bool) {
	now := p.now()
	e.cancel(nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	e.cancel = nil
	owner := e.owner
	p.disownLocked(owner)
	if err == nil {
		e.born, e.seen, e.broken = now, now, p.mu.broken
		e.life = p.lifetime()
		p.mu.counts.Opened++
		p.offerLocked(e, now)
	} else {
		p.failedLocked(err, panicked)
		if owner == nil {
			p.mu.failed = now
		} else {
			owner.Value.err, owner.Value.panicked = err, panicked
			p.dismissLocked(owner, refused)
		}
		p.moveLocked(e, gone)
	}
	p.settleLocked(now)
	return owner != nil
}

// failedLocked counts a failed Open, unless it is the pool that ended it.
func (p *Pool[T]) failedLocked(err error, panicked *belay.PanicError) {
	switch {
	case panicked != nil:
		p.mu.stats.Panicked++
	case !p.mu.closed || !errors.Is(err, context.Canceled):
		p.mu.stats.Failed++
	}
}

// lifetime returns that of a new resource.
func (p *Pool[T]) lifetime() time.Duration {
	if p.o.Jitter <= 0 {
		return p.o.MaxLifetime
	}
	return p.o.MaxLifetime - rand.N(p.o.Jitter)
}

// giveBack ends the time of an entry with its holder.
func (p *Pool[T]) giveBack(e *entry[T]) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	e.seen, e.broken, e.used = now, p.mu.broken, true
	p.offerLocked(e, now)
	p.settleLocked(now)
	p.upkeepLocked(now)
}

// discard has closed what its holder found to be broken; checked if it was by
// Check.
func (p *Pool[T]) discard(e *entry[T], checked bool) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.brokenLocked(e, checked)
	p.settleLocked(now)
}

// drop has closed what nothing is known of: a check was cut short.
func (p *Pool[T]) drop(e *entry[T]) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeLocked(e)
	p.settleLocked(now)
}

// brokenLocked has a broken entry closed, and what is idle checked before it
// is lent: what broke one has often broken all.
func (p *Pool[T]) brokenLocked(e *entry[T], checked bool) {
	p.mu.broken++
	if checked {
		p.mu.counts.Unhealthy++
	}
	p.closeLocked(e)
}
