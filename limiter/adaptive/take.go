package adaptive

// This file is how units are taken and given back: on the fast path by one
// compare-and-swap of the word, which is free for whoever finds room and no line;
// and else under the lock.
//
//	Take ──> room and no line ──────────────────────────> in flight ──> ended
//	  └────> lock ──> room ──────────────────────────────────▲
//	            ├───> line (line.go) ──> served by an end ───┘
//	            └───> refused
//
// Who ends finds the bit of the line in the word that it changes, and then serves
// the line; who gets in line sets the bit first and looks for room after that. So
// either sees the other.

import (
	"context"
	"math"
	"time"

	"github.com/belay-go/belay/internal/ctxerr"
	"github.com/belay-go/belay/limiter"
)

const (
	lined = 1 // bit of the word: calls wait
	unit  = 2 // one unit in the word
)

// outcome is what became of the work.
type outcome uint8

const (
	served outcome = iota
	dropped
	ignored
)

// errTooLarge: more than Max.
var errTooLarge = &limiter.RefusedError{Reason: limiter.ErrTooLarge, RetryAfter: math.MaxInt64}

// who asks: the line is fair to clients, and ranks by priority.
type who struct {
	client   string
	priority int
}

// Caller is a limit as one of its callers sees it, by [Limiter.For]. It is a small
// value, a [limiter.Limiter], and as concurrent as the Limiter.
type Caller struct {
	l   *Limiter
	who who
}

// For returns the limit as the client of this name sees it, for requests of this
// priority. While calls wait, those of the highest priority are served first, and
// among these one of each client in turn, whatever their size; so a client that
// asks for much waits for itself. Who uses the Limiter directly is the client "" of
// priority 0. It costs nothing, and nothing is kept of clients that don't wait.
func (l *Limiter) For(client string, priority int) Caller {
	return Caller{l, who{client, priority}}
}

// Take is [Limiter.Take], for this caller.
func (c Caller) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	return c.l.take(ctx, n, c.who)
}

// TryTake is [Limiter.TryTake].
func (c Caller) TryTake(n int64) (limiter.Permit, error) { return c.l.TryTake(n) }

// Quota is [Limiter.Quota].
func (c Caller) Quota() (limit, remaining int64, window, reset time.Duration) { return c.l.Quota() }

// Rank is [Limiter.Rank].
func (c Caller) Rank() uint64 { return c.l.Rank() }

// Take takes n units: at once if there is room and nobody waits, else after a wait
// in line, for as long as [Options].Wait says. It returns a permit once it has them.
// Otherwise it has taken nothing, and the error is
//
//   - one that Is both ctx.Err() and the context's cause, if ctx is done, also if
//     it was before the call;
//   - a [*limiter.RefusedError] that is [limiter.ErrTooLarge], at once, if n is above
//     Max;
//   - one that is [limiter.ErrTooLate], at once, if the wait would outlast ctx's
//     deadline, by what the server does now; with RetryAfter;
//   - one that is [limiter.ErrFull], at once, if the wait would outlast Wait or there
//     is no room in line, or later, when Wait is over or another has taken its place;
//     with RetryAfter.
//
// A single call for more than the limit is granted when nothing else is in flight.
// [limiter.Permit.Settle] gives units back early, as if they had not been taken.
//
// It panics with "adaptive: n < 0" if n is negative and with "adaptive: Take with a
// nil context" if ctx is nil.
func (l *Limiter) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	return l.take(ctx, n, who{})
}

func (l *Limiter) take(ctx context.Context, n int64, by who) (limiter.Permit, error) {
	if ctx == nil {
		panic("adaptive: Take with a nil context")
	}
	mustNotBeNegative(n)
	if ctx.Err() != nil {
		l.cancelled.Add(1)
		return limiter.Permit{}, ctxerr.Of(ctx)
	}
	if n == 0 {
		return limiter.Permit{}, nil
	}
	at, ok := l.takeFast(n)
	if !ok {
		var err error
		if at, err = l.takeSlow(ctx, n, by, true); err != nil {
			if err == errDone {
				err = ctxerr.Of(ctx)
			}
			return limiter.Permit{}, err
		}
	}
	return l.lend(at, n), nil
}

// TryTake takes n units if there is room and nobody waits. The error is a
// [*limiter.RefusedError], either [limiter.ErrFull], with what a request takes now as
// RetryAfter, or [limiter.ErrTooLarge]. It never waits, and panics with "adaptive: n
// < 0" if n is negative.
func (l *Limiter) TryTake(n int64) (limiter.Permit, error) {
	mustNotBeNegative(n)
	if n == 0 {
		return limiter.Permit{}, nil
	}
	at, err := l.try(n)
	if err != nil {
		return limiter.Permit{}, err
	}
	return l.lend(at, n), nil
}

// Acquire takes n units and waits for them until ctx is done, however long that
// is: the form for those to whom late is better than never, as a group of tasks
// that shares the limit. It returns nil once it has them. Otherwise it has taken
// nothing, and the error is ctx.Err() itself, or a [*limiter.RefusedError] that is
// [limiter.ErrTooLarge], at once, if n is above Max, or [limiter.ErrFull] if there is
// no room in line.
//
// It panics with "adaptive: n < 0" if n is negative and with "adaptive: Acquire with
// a nil context" if ctx is nil.
func (l *Limiter) Acquire(ctx context.Context, n int64) error {
	if ctx == nil {
		panic("adaptive: Acquire with a nil context")
	}
	mustNotBeNegative(n)
	if err := ctx.Err(); err != nil {
		l.cancelled.Add(1)
		return err
	}
	if n == 0 {
		return nil
	}
	if _, ok := l.takeFast(n); ok {
		return nil
	}
	_, err := l.takeSlow(ctx, n, who{}, false)
	if err == errDone {
		return ctx.Err()
	}
	return err
}

// TryAcquire takes n units if there is room and nobody waits, and reports whether
// it did. It never waits, and panics with "adaptive: n < 0" if n is negative.
func (l *Limiter) TryAcquire(n int64) bool {
	mustNotBeNegative(n)
	if n == 0 {
		return true
	}
	_, err := l.try(n)
	return err == nil
}

// Release gives back n units that Acquire or TryAcquire took, and says that their
// work is done. It never waits. It panics with "adaptive: n < 0" if n is negative and
// with "adaptive: released more than held" if n is more than is in flight; then it
// has changed nothing.
func (l *Limiter) Release(n int64) {
	mustNotBeNegative(n)
	if n > 0 {
		l.end(0, n, served)
	}
}

// takeFast takes n units if there is room for them and nobody waits, and returns
// when that was.
func (l *Limiter) takeFast(n int64) (at time.Duration, ok bool) {
	for {
		word := l.word.Load()
		if word&lined != 0 || n > l.limit.Load()-word/unit {
			return 0, false
		}
		if l.word.CompareAndSwap(word, word+n*unit) {
			at = reading()
			l.entered(at, n, word/unit)
			return at, true
		}
	}
}

// entered keeps account of n units that are in flight from at on, beside others.
func (l *Limiter) entered(at time.Duration, n, others int64) {
	l.in.add(at, n)
	if low := l.low.Load(); others < low && others+n >= low {
		l.tighten(at)
	}
}

// try is what TryTake and TryAcquire share. To refuse takes no lock and reads no clock,
// but for a look now and then.
func (l *Limiter) try(n int64) (time.Duration, error) {
	at, ok := l.takeFast(n)
	if ok {
		return at, nil
	}
	if n > l.limit.Load() { // too large, or to be alone
		l.mustBeNew()
		l.mu.Lock()
		defer l.mu.Unlock()
		if err := l.tooLargeLocked(n); err != nil {
			return 0, err
		}
		if l.mu.line.waiting == 0 {
			l.word.Or(lined)
			at, ok = l.enterLocked(n)
			l.word.And(^lined)
		}
		if ok {
			return at, nil
		}
	}
	return 0, l.refuse(n, l.full.Load())
}

// refuse counts n units that are turned away. Now and then it looks at the law, which
// has nobody else to do so where nothing ends: permits that leak may be all that the
// limit has room for.
func (l *Limiter) refuse(n int64, err *limiter.RefusedError) error {
	turned := l.turned.Add(n)
	l.refused.Add(1)
	if turned/lookEvery != (turned-n)/lookEvery {
		if at := reading(); l.isDue(at) && l.mu.TryLock() {
			l.lookLocked(at)
			l.serveLocked()
			l.mu.Unlock()
		}
	}
	return err
}

// lookEvery is how many units are turned away between two looks at the law: a reading
// of the clock for each would be most of what a refusal costs.
const lookEvery = 32

func (l *Limiter) tooLargeLocked(n int64) error {
	if n > int64(l.mu.law.max) {
		l.refused.Add(1) // and nothing that the law should know
		return errTooLarge
	}
	return nil
}

// mustBeNew is for where the limit of a zero Limiter leads, which is none.
func (l *Limiter) mustBeNew() {
	if l.full.Load() == nil {
		panic("adaptive: use New")
	}
}

// enterLocked takes n units if there is room. The word is lined, so that nobody else
// takes any.
func (l *Limiter) enterLocked(n int64) (at time.Duration, ok bool) {
	others := l.word.Load() / unit
	if n > l.limit.Load()-others && others > 0 {
		return 0, false
	}
	l.word.Add(n * unit)
	at = reading()
	l.entered(at, n, others)
	return at, true
}

// end takes n units out of flight, that are in it since so long.
func (l *Limiter) end(since time.Duration, n int64, as outcome) {
	var word int64
	for {
		word = l.word.Load()
		if n > word/unit {
			panic("adaptive: released more than held")
		}
		if l.word.CompareAndSwap(word, word-n*unit) {
			break
		}
	}
	at := reading()
	if uint64(at-since) >= uint64(stale) && as == ignored {
		as = dropped // of another clock; or too long to be taken out of one window
	}
	switch as {
	case ignored: // in this order: see Stats
		l.in.forget(since, n)
		l.ignored.Add(n)
	case dropped:
		l.dropped.Add(n)
		l.out.add(at, n)
	default:
		l.out.add(at, n)
	}
	others := word / unit
	if low := l.low.Load(); others >= low && others-n < low {
		l.slacken(at)
	}
	if word&lined != 0 {
		l.mu.Lock()
	} else if !l.isDue(at) || !l.mu.TryLock() {
		return
	}
	l.lookLocked(at)
	l.serveLocked()
	l.mu.Unlock()
}

// isDue reports whether a window may end. Due is not far away, but for a clock that is
// another one, maybe of the next bubble, which begins where the last one did; or
// where each takes long, and it costs little to look more often.
func (l *Limiter) isDue(at time.Duration) bool {
	return uint64(l.due.Load()-int64(at))-1 >= uint64(silent)
}

// lookLocked ends the window if it is long enough, and moves the limit.
func (l *Limiter) lookLocked(at time.Duration) {
	if !l.isDue(at) {
		return
	}
	law, books := &l.mu.law, &l.mu.books
	w, next := books.read(&l.account, at)
	gap, area := at-l.mu.looked, w.area-l.mu.seen
	l.mu.looked, l.mu.seen = at, w.area
	whole := w.whole()
	if !whole || w.ended > 0 && law.stoodStill(gap, area) {
		*books, l.mu.seen = next, 0
		law.rebase(at)
		if !whole {
			l.since.Store(0)
		}
		l.publishLocked(at)
		return
	}
	// If nobody was let in for many times as long as a request takes, as the limit was
	// met all the time, whoever is in flight even so is not going to end: its permit
	// has leaked, or its work hangs. The law leaves those out, or a few of them would
	// be all that its limit has room for, and nothing would ever end and move it
	// again. If some come back after all, no more are left out than there are.
	inFlight := l.word.Load() / unit
	l.mu.stuck = min(l.mu.stuck, inFlight)
	w.area = max(0, w.area-float64(l.mu.stuck)*w.span)
	draining := law.phase == probing && !law.drained
	ripe, anew := law.ripe(at, at-books.begin, float64(inFlight-l.mu.stuck), w.done, w.limited)
	full := inFlight-l.mu.stuck >= int64(law.limit)
	if draining && law.drained && float64(inFlight-l.mu.stuck) > law.limit || ripe && full && w.ended == 0 && w.limited > 0 {
		l.mu.stuck = inFlight
	}
	if ripe {
		law.judge(at, w)
	}
	if anew {
		*books, l.mu.seen = next, 0
	}
	l.publishLocked(at)
}

// publishLocked tells what the law says to those who don't have the lock.
func (l *Limiter) publishLocked(at time.Duration) {
	law := &l.mu.law
	l.limit.Store(min(int64(law.limit)+l.mu.stuck, int64(law.max)))
	due := l.mu.books.begin + law.due()
	if due <= at { // it lacks what is done
		due = at + law.due()/4
	}
	l.due.Store(int64(due))
	low := int64(law.low())
	if low > 0 {
		low += l.mu.stuck
	}
	if l.low.Swap(low) != low {
		if l.word.Load()/unit < low {
			l.slacken(at)
		} else {
			l.tighten(at)
		}
	}
	retry := seconds(law.mean)
	if was := l.full.Load(); was == nil || retry < was.RetryAfter*7/8 || retry > was.RetryAfter*8/7 {
		l.full.Store(&limiter.RefusedError{Reason: limiter.ErrFull, RetryAfter: retry, NoWait: l.queue < 0})
	}
}

func mustNotBeNegative(n int64) {
	if n < 0 {
		panic("adaptive: n < 0")
	}
}
