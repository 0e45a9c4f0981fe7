package pool

// This file is the upkeep of what is idle: by a call that finds it due, or by the
// program itself.

import (
	"cmp"
	"context"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
)

// pause is how long after a failed Open no other is begun that nobody waits for.
const pause = time.Second

// Tend does the upkeep once, on the caller's goroutine: it has closed what was
// idle or alive for too long, checks what is idle and was not seen to work for
// CheckAfter, one after the other, and opens what MinIdle wants. It is for the
// program's start, to have a reserve, and for pools that may get no calls for a
// long time; while there are calls, they see to it.
//
// Tend returns the first error of an Open; an error that Is both ctx.Err() and
// the context's cause once ctx is done, which ends it; and a
// [*limiter.RefusedError] that is [ErrClosed]. It panics with "pool: Tend with a
// nil context" if ctx is nil.
func (p *Pool[T]) Tend(ctx context.Context) error {
	if ctx == nil {
		panic("pool: Tend with a nil context")
	}
	now := p.now()
	p.lock()
	if p.mu.tended = now; p.mu.closed {
		p.mu.Unlock()
		return errClosed
	}
	p.expireLocked(now)
	round := p.roundLocked()
	p.mu.Unlock()
	for p.o.Check != nil && !over(ctx) && p.checkIdle(ctx, round) {
	}
	for !over(ctx) {
		began, err := p.openOne(ctx)
		if err != nil && !over(ctx) {
			return err
		}
		if !began {
			break
		}
	}
	return ctxerr.Of(ctx)
}

// openOne opens one for the reserve, if that is low.
func (p *Pool[T]) openOne(parent context.Context) (began bool, err error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	p.mu.Lock()
	if !p.lowLocked() {
		defer p.mu.Unlock()
		return false, p.closedLocked()
	}
	e := p.startLocked(nil, cancel)
	p.mu.Unlock()
	if err = p.open(ctx, e); err == nil {
		return true, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return true, cmp.Or(p.closedLocked(), err)
}

func (p *Pool[T]) closedLocked() error {
	if p.mu.closed {
		return errClosed
	}
	return nil
}

// upkeepLocked has done beside the caller what is due.
func (p *Pool[T]) upkeepLocked(now instant) {
	if !p.timed || p.mu.closed {
		return
	}
	for p.lowLocked() && (p.mu.failed == 0 || age(now, p.mu.failed) >= pause) {
		ctx, cancel := context.WithCancelCause(context.Background())
		go p.open(ctx, p.startLocked(nil, cancel)) // ends with Open
	}
	switch {
	case p.o.TendEvery < 0 || p.mu.tending:
	case p.mu.tended == 0:
		p.mu.tended = now
	case age(now, p.mu.tended) >= p.o.TendEvery:
		p.mu.tended, p.mu.tending = now, true
		go p.tendBeside() // ends with one round
	}
}

// tendBeside opens nothing: calls do.
func (p *Pool[T]) tendBeside() {
	defer func() { // also if Check exits or panics
		p.mu.Lock()
		defer p.mu.Unlock()
		p.mu.tending = false
		p.settleLocked(p.now())
	}()
	now := p.now()
	p.mu.Lock()
	p.expireLocked(now)
	round := p.roundLocked()
	p.mu.Unlock()
	for p.o.Check != nil && p.checkIdle(context.Background(), round) {
	}
}

// lowLocked reports whether one more should be opened for the reserve. Who waits
// comes first.
func (p *Pool[T]) lowLocked() bool {
	return !p.mu.closed && p.mu.line.Len() == 0 && p.freeLocked() > 0 &&
		p.mu.idle.Len()+p.mu.count[opening] < int64(p.o.MinIdle)
}

// expireLocked has closed what is idle and too old.
func (p *Pool[T]) expireLocked(now instant) {
	for i := p.mu.idle.First(); i != nil; {
		next := i.Next()
		if p.tooOld(i.Value, now) {
			p.mu.counts.Expired++
			p.closeLocked(i.Value)
		}
		i = next
	}
	p.settleLocked(now)
}

// roundLocked begins a round of checks. A round checks no entry twice, nor one that
// a later round has checked: else those that take long would never end.
func (p *Pool[T]) roundLocked() uint64 {
	p.mu.round++
	return p.mu.round
}

// checkIdle checks the one that is idle for longest of those that have to be in
// this round, and reports whether there was one.
func (p *Pool[T]) checkIdle(parent context.Context, round uint64) (found bool) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	now := p.now()
	p.mu.Lock()
	i := p.mu.idle.First()
	for i != nil && (i.Value.round >= round || !p.stale(i.Value, now)) {
		i = i.Next()
	}
	if i == nil {
		p.mu.Unlock()
		return false
	}
	e := i.Value
	e.round = round
	p.moveLocked(e, checking)
	e.cancel = cancel
	p.mu.Unlock()

	healthy := false
	defer func() { // also if Check exits or panics
		now := p.now()
		p.mu.Lock()
		defer p.mu.Unlock()
		e.cancel = nil
		p.checkedLocked(e, now, healthy)
		p.settleLocked(now)
	}()
	ctx, stop := p.bound(ctx, "pool: check")
	defer stop()
	healthy = p.o.Check(ctx, e.value) == nil
	return true
}

// checkedLocked puts an entry back to where it was among the idle: to be checked
// is no use.
func (p *Pool[T]) checkedLocked(e *entry[T], now instant, healthy bool) {
	switch {
	case !healthy:
		p.brokenLocked(e, true)
	case p.mu.closed:
		p.closeLocked(e)
	default:
		e.seen, e.broken = now, p.mu.broken
		p.moveLocked(e, idle)
		at := p.mu.idle.First()
		for at != nil && at.Value.since < e.since {
			at = at.Next()
		}
		p.mu.idle.Insert(&e.inIdle, at)
	}
}

// stale reports whether an entry was not seen to work for so long that it has to
// be checked.
func (p *Pool[T]) stale(e *entry[T], now instant) bool {
	return age(now, e.seen) >= max(p.o.CheckAfter, 1)
}

// lateness is how late the timer of a context may be.
const lateness = time.Second

// over reports whether ctx is done, or is to be: from its deadline on, each
// check that heeds it fails at once, and would have all that is idle closed before
// the timer has fired, which is late on a busy machine. So that is waited for, in
// vain with a context of somebody's own type that does not end.
func over(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	if bounded && ctx.Err() == nil && !time.Now().Before(deadline) {
		timer := time.NewTimer(lateness)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return ctx.Err() != nil
}

// check checks an entry that Get has. If Check panics or exits, it is broken.
func (p *Pool[T]) check(ctx context.Context, e *entry[T]) (healthy bool) {
	returned := false
	defer func() {
		if !returned {
			p.discard(e, true)
		}
	}()
	healthy = p.o.Check(ctx, e.value) == nil
	returned = true
	return healthy
}
