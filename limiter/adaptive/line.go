package adaptive

// This file is the line in front of the limit: who waits, in which order they are
// served, and who has to leave when there is no room.

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/belay-go/belay/internal/fifo"
	"github.com/belay-go/belay/limiter"
)

// state says how far a wait has come. It changes once, under the lock.
//
//	takeSlow ──> queued ──> granted
//	                ├─────> ousted
//	                └─────> left
type state uint8

const (
	queued  state = iota // in line. From takeSlow, to one of the others
	granted              // out of line, its units in flight. From queued, by serveLocked
	ousted               // out of line with nothing. From queued, by oust
	left                 // out of line with nothing. From queued, by its own leave
)

// errDone says inside the package that the caller's context is done.
var errDone = errors.New("adaptive: done")

// waiter is one call in line.
type waiter struct {
	n      int64
	state  state
	why    *limiter.RefusedError // of ousted
	at     time.Duration         // of granted: since when its units are in flight
	ready  chan struct{}         // has room for the one that wakes it
	client *fifo.Elem[client]
}

// client is one who has calls in line, of one priority.
type client struct {
	name    string
	level   *level
	waiters fifo.Line[waiter]
	units   int64
}

// level are the clients that wait with one priority. The first of them is served
// next, and goes to the end.
type level struct {
	priority int
	clients  fifo.Line[client]
	byName   map[string]*fifo.Elem[client]
	waiting  int64
	units    int64
}

// line is all who wait. It is guarded by the lock.
type line struct {
	levels  []*level // by priority, the highest first; none is empty
	waiting int
	since   time.Duration // when there was nobody in it
}

// push puts a call at the end of its client's.
func (q *line) push(e *fifo.Elem[waiter], by who, at time.Duration) {
	if q.waiting == 0 {
		q.since = at
	}
	i, ok := slices.BinarySearchFunc(q.levels, by.priority, func(l *level, p int) int { return cmp.Compare(p, l.priority) })
	if !ok {
		q.levels = slices.Insert(q.levels, i, &level{priority: by.priority, byName: map[string]*fifo.Elem[client]{}})
	}
	l := q.levels[i]
	c := l.byName[by.client]
	if c == nil {
		c = &fifo.Elem[client]{Value: client{name: by.client, level: l}}
		l.byName[by.client] = c
		l.clients.Push(c)
	}
	e.Value.client = c
	c.Value.waiters.Push(e)
	q.waiting++
	c.Value.count(e.Value.n, 1)
}

// count counts calls that wait for n units in all, below zero those that don't any
// more.
func (c *client) count(n, calls int64) {
	c.units += n
	c.level.units += n
	c.level.waiting += calls
}

// next returns who is served next, nil if nobody waits.
func (q *line) next(newest bool) *fifo.Elem[waiter] {
	if q.waiting == 0 {
		return nil
	}
	waiters := &q.levels[0].clients.First().Value.waiters
	if newest {
		return waiters.Last()
	}
	return waiters.First()
}

// remove takes a call out of line. If it was served, its client's turn is over.
func (q *line) remove(e *fifo.Elem[waiter], as state) {
	c := e.Value.client
	l := c.Value.level
	c.Value.waiters.Remove(e)
	e.Value.state = as
	q.waiting--
	c.Value.count(-e.Value.n, -1)
	switch {
	case c.Value.waiters.Len() == 0:
		l.clients.Remove(c)
		delete(l.byName, c.Value.name)
		if l.clients.Len() == 0 {
			q.levels = slices.DeleteFunc(q.levels, func(other *level) bool { return other == l })
		}
	case as == granted:
		l.clients.Remove(c)
		l.clients.Push(c)
	}
}

// victim returns who has less right to a place than one who comes: the last of
// those with the lowest priority, of the client that has the most; nil if nobody.
func (q *line) victim(by who) *fifo.Elem[waiter] {
	if q.waiting == 0 {
		return nil
	}
	l := q.levels[len(q.levels)-1]
	if l.priority > by.priority {
		return nil
	}
	greediest := l.clients.First()
	for c := greediest; c != nil; c = c.Next() {
		if c.Value.waiters.Len() > greediest.Value.waiters.Len() {
			greediest = c
		}
	}
	if l.priority == by.priority {
		own := int64(0)
		if c := l.byName[by.client]; c != nil {
			own = c.Value.waiters.Len()
		}
		if greediest.Value.waiters.Len() <= own+1 {
			return nil
		}
	}
	return greediest.Value.waiters.Last()
}

// ahead is how many units are served before one who comes now: those of higher
// priorities, of its own those of its client, and of each other client as many calls
// as that has then, taken to be as large as all are on average.
func (q *line) ahead(by who) (units int64) {
	for _, l := range q.levels {
		if l.priority < by.priority {
			break
		}
		if l.priority > by.priority {
			units += l.units
			continue
		}
		clients, calls, own := l.clients.Len(), int64(0), int64(0)
		if c := l.byName[by.client]; c != nil {
			clients, calls, own = clients-1, c.Value.waiters.Len(), c.Value.units
		}
		others := l.units - own
		if turns := clients * (calls + 1); turns < l.waiting-calls {
			others = others * turns / (l.waiting - calls)
		}
		units += own + others
	}
	return units
}

// takeSlow takes n units, or waits for them. It returns since when they are in
// flight; errDone, if ctx is done; or a refusal.
func (l *Limiter) takeSlow(ctx context.Context, n int64, by who, hasty bool) (time.Duration, error) {
	// A context may be anyone's code, which must not run under the lock.
	done := ctx.Done()
	deadline, bounded := ctx.Deadline()
	l.mustBeNew()
	l.mu.Lock()
	if err := l.tooLargeLocked(n); err != nil {
		l.mu.Unlock()
		return 0, err
	}
	l.word.Or(lined)
	if l.mu.line.waiting == 0 {
		if at, ok := l.enterLocked(n); ok {
			l.word.And(^lined)
			l.mu.Unlock()
			return at, nil
		}
	}
	patience, err := l.admitLocked(n, by, hasty, deadline, bounded)
	if err != nil {
		l.serveLocked() // clears the bit, if nobody waits
		l.mu.Unlock()
		return 0, l.refuse(n, err)
	}
	e := &fifo.Elem[waiter]{Value: waiter{n: n, ready: make(chan struct{}, 1)}}
	began := reading()
	l.waited.Add(n)
	l.mu.line.push(e, by, began)
	l.serveLocked() // who is first now may fit, unlike those who were
	l.mu.Unlock()
	return l.wait(done, e, began, patience)
}

// admitLocked makes room in line for one more, and returns how long it may wait
// there; negative: for ever.
func (l *Limiter) admitLocked(n int64, by who, hasty bool, deadline time.Time, bounded bool) (time.Duration, *limiter.RefusedError) {
	patience := time.Duration(-1)
	if hasty {
		patience = l.patienceLocked()
		wait := l.waitLocked(n, by)
		if bounded && wait > time.Until(deadline) {
			return 0, &limiter.RefusedError{Reason: limiter.ErrTooLate, RetryAfter: wait}
		}
		if patience >= 0 && wait > patience {
			return 0, &limiter.RefusedError{Reason: limiter.ErrFull, RetryAfter: wait}
		}
	}
	switch q := &l.mu.line; {
	case l.queue < 0:
		return 0, l.full.Load()
	case q.waiting >= l.queue:
		e := q.victim(by)
		if e == nil {
			why := *l.full.Load()
			why.NoWait = true
			return 0, &why
		}
		l.oust(e, l.full.Load())
	}
	return patience, nil
}

// patienceLocked is how long a call may wait: what a request may take, less what it
// takes.
func (l *Limiter) patienceLocked() time.Duration {
	switch law := &l.mu.law; {
	case l.patience != 0:
		return max(l.patience, -1)
	case law.base.done == 0:
		return silent // nothing is known
	default:
		return seconds(max(law.longest()-law.mean, law.base.value()))
	}
}

// waitLocked is how long n units more would wait, at the rate at which the server
// works now, or would if what is in flight did not wait for each other.
func (l *Limiter) waitLocked(n int64, by who) time.Duration {
	law := &l.mu.law
	rate := law.rate
	if law.phase == free && law.mean > 0 {
		rate = max(rate, law.limit/law.mean)
	}
	if rate <= 0 || l.newestFirst {
		return 0
	}
	return seconds(float64(l.mu.line.ahead(by)+n) / rate)
}

// wait waits until e is served or ousted, done, or patience is over. Where the
// grant and the end of the context meet, the context wins and the grant goes back.
func (l *Limiter) wait(done <-chan struct{}, e *fifo.Elem[waiter], began, patience time.Duration) (time.Duration, error) {
	var over <-chan time.Time
	if patience >= 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-e.Value.ready:
	case <-over:
		if l.leave(e) {
			return 0, l.turnAway(e.Value.n, l.full.Load())
		}
	case <-done:
	}
	select {
	case <-done: // not by ctx.Err: that may be anyone's code, and units are held here
		if !l.leave(e) && e.Value.state == granted {
			l.end(e.Value.at, e.Value.n, ignored)
		} else {
			l.turned.Add(e.Value.n)
			l.waited.Add(-e.Value.n)
		}
		l.cancelled.Add(1)
		return 0, errDone
	default:
	}
	if e.Value.state == ousted {
		return 0, l.turnAway(e.Value.n, e.Value.why)
	}
	l.mu.Lock()
	l.mu.waited++
	if l.timed {
		l.mu.waits.Observe(reading() - began)
	}
	l.mu.Unlock()
	return e.Value.at, nil
}

// turnAway refuses one who has waited.
func (l *Limiter) turnAway(n int64, why *limiter.RefusedError) error {
	l.waited.Add(-n)
	return l.refuse(n, why)
}

// leave takes e out of line, if it is in it, and reports whether it was.
func (l *Limiter) leave(e *fifo.Elem[waiter]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Value.state != queued {
		return false
	}
	l.mu.line.remove(e, left)
	l.serveLocked() // those behind may fit
	return true
}

// serveLocked serves the line as far as it fits: the one place where a waiter is
// granted something. It must follow every change that may let the next one fit.
func (l *Limiter) serveLocked() {
	q := &l.mu.line
	newest := l.newestFirst && q.waiting > 0 && reading()-q.since > stands
	for e := q.next(newest); e != nil; e = q.next(newest) {
		at, ok := l.enterLocked(e.Value.n)
		if !ok {
			return
		}
		e.Value.at = at
		q.remove(e, granted)
		e.Value.ready <- struct{}{} // never waits: there is room for the only one
	}
	l.word.And(^lined)
}

// oust refuses one who waits.
func (l *Limiter) oust(e *fifo.Elem[waiter], why *limiter.RefusedError) {
	e.Value.why = why
	l.mu.line.remove(e, ousted)
	e.Value.ready <- struct{}{}
}
