// Package fifo is the line that those wait in who can't be served yet: first in,
// first out, and anyone may leave it in constant time.
//
// A line is guarded by the lock of whoever owns it.
package fifo

// Line is a queue of elements. The zero value is empty and ready to use.
type Line[T any] struct {
	first, last *Elem[T]
	length      int64
}

// Elem is a place in a line, with what is waiting there. It is in one line at
// most.
type Elem[T any] struct {
	next, prev *Elem[T]
	Value      T
}

// First returns the element that came first, nil if there is none.
func (l *Line[T]) First() *Elem[T] { return l.first }

// Last returns the element that came last, nil if there is none.
func (l *Line[T]) Last() *Elem[T] { return l.last }

// Next returns the element behind e, nil if it is the last.
func (e *Elem[T]) Next() *Elem[T] { return e.next }

// Len returns the number of elements.
func (l *Line[T]) Len() int64 { return l.length }

// Push puts e, which is in no line, behind all others.
func (l *Line[T]) Push(e *Elem[T]) {
	if e.prev = l.last; e.prev == nil {
		l.first = e
	} else {
		e.prev.next = e
	}
	l.last = e
	l.length++
}

// Insert puts e, which is in no line, before at, which is in this one: what had
// its place already comes back to it. If at is nil, that is behind all others.
func (l *Line[T]) Insert(e, at *Elem[T]) {
	if at == nil {
		l.Push(e)
		return
	}
	e.next, e.prev = at, at.prev
	if at.prev == nil {
		l.first = e
	} else {
		at.prev.next = e
	}
	at.prev = e
	l.length++
}

// Remove takes e out of the line, which it must be in.
func (l *Line[T]) Remove(e *Elem[T]) {
	if e.prev == nil {
		l.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.next, e.prev = nil, nil
	l.length--
}
