package semaphore

// This file is the line of those who wait, and the states of each of them.

// state says how far a wait has come. It changes once, under the semaphore's
// lock, and never back:
//
//	Acquire ──> queued ──> granted
//	               └─────> left
type state uint8

const (
	queued  state = iota // in line. From Acquire, to granted or left
	granted              // out of line, its units held. From queued, by grantLocked
	left                 // out of line with nothing. From queued, by its own settle
)

// waiter is one Acquire in line. Its fields are guarded by the semaphore's lock,
// except that n and the channel itself never change.
type waiter struct {
	n       int64
	state   state
	granted chan struct{} // closed on the way to state granted; made for this one wait

	next, prev *waiter
}

// line is a queue of waiters that any of them can leave in constant time. It is
// guarded by the semaphore's lock.
type line struct {
	first, last *waiter
	length      int64
}

func (l *line) push(w *waiter) {
	if w.prev = l.last; w.prev == nil {
		l.first = w
	} else {
		w.prev.next = w
	}
	l.last = w
	l.length++
}

func (l *line) remove(w *waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.next, w.prev = nil, nil
	l.length--
}
