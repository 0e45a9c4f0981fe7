package ctxutil

// This file makes one context of two.
//
// A merged context is live until the first of three events, which sets its Err
// and cause for good:
//
//	live -> ended      first or second ended: the Err and cause of that one
//	live -> cancelled  its cancel: Canceled, Canceled
//
// Package context can attach a child to one parent only. So one of the two, the
// native one, is the parent of a context of package context, which does all
// that a context does; the end of the other one is carried over by
// context.AfterFunc. A cancel can be carried over with its cause and all; an
// expiry can not, because nothing makes a context of package context report
// DeadlineExceeded but its parent or a time fixed beforehand. Hence the native
// one is that with the sooner deadline: where the other one expires, the native
// one is due as well.
//
// The road not taken is a parent of our own for the inner context, which would
// learn of both ends through context.AfterFunc and could report any Err. It
// needs twice the allocations and the time, and the end of neither parent would
// arrive before the call that caused it returns. Another one is a watch on the
// inner context, which ends the one on other when native ends: it would nearly
// double the price of every merge, for those whose cancel is forgotten.

import (
	"context"
	"time"
)

// merged is a context with two parents.
type merged struct {
	// Context is the one of package context below native. Done, Err and the
	// cause are its own, and children attach to it.
	context.Context

	first, second context.Context
	swapped       bool // native is second

	end     context.CancelCauseFunc // ends Context
	forsake func() bool             // ends the watch on other; nil if there is none
}

// Merge returns a context that ends as soon as either of two contexts does, and
// the function that ends it at once. It is for work that serves two masters,
// such as a request and the process that is shutting down.
//
//   - Its Err and cause are those of the first of the two to end, in it and in
//     all contexts derived from it. If both are done at the call, they are those
//     of first. If one is, the result is done when the call returns.
//   - Its deadline is the sooner of the two.
//   - Its values are those of first, and where that has none for a key, or nil,
//     those of second.
//   - When the cancel function comes first, Err and cause are [context.Canceled].
//
// The end of the one with the sooner deadline, of first if they have the same
// or none, has reached the result and its children when the call that caused it
// returns. The end of the other one takes until a goroutine has been started
// for it; whatever else ends the result meanwhile may be the first, but Err and
// cause are always of one and the same end. If both reach their deadlines
// together, the cause is that of the sooner one. A context that expires without
// having had that deadline when it was merged, as one that [Detach] made can, is
// reported as Canceled, with its cause, unless it is the one whose end arrives at
// once; so is one whose Err is neither of the two of package context. If a
// context of somebody's own type has passed its deadline and does not end, the
// result ends with the other one, up to a second late.
//
// No goroutine waits for either context, nor for one derived from the result;
// only a context of somebody's own type costs what it costs in package context.
//
// Defer the cancel at once, as go vet does not know Merge. Where it is forgotten
// and the one with the sooner deadline ends first, a request for instance, the
// other one, the process for instance, keeps the result and both contexts until
// it ends as well. The cancel function may be called more than once and
// concurrently; after the first call nothing of the result is left in either
// context. Merge may be called concurrently; it panics if either context is nil.
func Merge(first, second context.Context) (context.Context, context.CancelFunc) {
	if first == nil || second == nil {
		panic("ctxutil: Merge of a nil context")
	}
	m := &merged{first: first, second: second, swapped: prefersSecond(first, second)}
	native, other := m.parents()
	m.Context, m.end = context.WithCancelCause(native)
	// Who shares a Done channel ends together, so one watch does for both: that
	// covers the same context given twice, with values of its own even.
	if done := other.Done(); done != nil && done != native.Done() && m.Err() == nil {
		m.forsake = context.AfterFunc(other, m.otherEnded)
	}
	return m, m.cancel
}

// parents returns first and second in the roles that they have.
func (m *merged) parents() (native, other context.Context) {
	if m.swapped {
		return m.second, m.first
	}
	return m.first, m.second
}

// prefersSecond says which of the two is the native one: what is done, else
// what can end at all, else what ends sooner.
func prefersSecond(first, second context.Context) bool {
	switch {
	case first.Err() != nil:
		return false
	case second.Err() != nil:
		return true
	case second.Done() == nil:
		return false
	case first.Done() == nil:
		return true
	}
	theirs, ok := second.Deadline()
	if !ok {
		return false
	}
	ours, ok := first.Deadline()
	return !ok || theirs.Before(ours)
}

// cancel ends m. Where other has ended before and that is still on its way, it
// is the first end and stays that.
func (m *merged) cancel() {
	var cause error
	if m.forsake != nil && !m.forsake() {
		_, other := m.parents()
		cause = context.Cause(other) // nil after an earlier cancel, which did all there is to do
	}
	m.end(cause)
}

// patience is how long a context that is due gets to end by itself. A timer is
// late by less than that on any machine that still does its work.
const patience = time.Second

// otherEnded runs in a goroutine of its own once other has ended, and ends with
// m at the latest.
func (m *merged) otherEnded() {
	native, other := m.parents()
	if other.Err() == context.DeadlineExceeded && passed(native) {
		// Both are out of time, and only native can say so in m: m.end would
		// make a cancel of it.
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-m.Done():
		case <-timer.C: // a type of somebody's own, which does not keep its deadline
		}
	}
	m.end(context.Cause(other))
}

// passed reports whether ctx has a deadline and that is over.
func passed(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// Deadline returns the sooner of the two deadlines.
func (m *merged) Deadline() (time.Time, bool) {
	deadline, ok := m.first.Deadline()
	if theirs, also := m.second.Deadline(); also && (!ok || theirs.Before(deadline)) {
		return theirs, true
	}
	return deadline, ok
}

// Value returns what first has for key, else what second has.
//
// The inner context, which has the values of native, is asked before either.
// Package context asks by a key of its own which context to attach a child to,
// and where the cause is: the answer has to be the inner context itself. With
// that of a parent, a child would be ended by that parent alone, or need a
// goroutine.
func (m *merged) Value(key any) any {
	value := m.Context.Value(key)
	if !m.swapped {
		if value == nil { // so first has none
			value = m.second.Value(key)
		}
		return value
	}
	if value != any(m.Context) {
		if firsts := m.first.Value(key); firsts != nil {
			return firsts
		}
	}
	return value
}
