// Package misses receives from timers that run, and from what is no timer.
package misses

import (
	"context"
	"time"
)

type pair struct{ a, b *time.Timer }

// A wait on purpose.
func sleeps(t *time.Timer) {
	t.Reset(time.Second)
	<-t.C
	if t.Stop() {
		println("was running")
	}
}

// Another timer than the one that was stopped.
func other(p, q *pair) {
	if !p.a.Stop() {
		<-p.b.C
	}
	p.a.Stop()
	<-q.a.C
}

// The function is not stopped: nothing is known about the timer.
func either(t *time.Timer, again bool) {
	if !t.Stop() || again {
		println("again")
	}
	if !t.Stop() {
		t.Reset(time.Second)
		<-t.C
	}
	if !again {
		<-t.C
	}
}

// It has another way out.
func ways(ctx context.Context, t *time.Timer) {
	if !t.Stop() {
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

type clockTimer struct{ C chan time.Time }

func (*clockTimer) Stop() bool { return false }

// Timers of one's own have the channels they have.
func ownTimer(t *clockTimer) {
	if !t.Stop() {
		<-t.C
	}
	for len(t.C) > 0 {
		<-t.C
	}
}

type wrapped struct{ *time.Timer }

func (wrapped) Stop() bool { return false }

func ownStop(t wrapped) {
	if !t.Stop() {
		<-t.C
	}
}

// A variable that holds one or the other.
func either2(fn func()) {
	t := time.NewTimer(time.Second)
	if fn != nil {
		t = time.AfterFunc(time.Second, fn)
	}
	<-t.C
}

func byAddress(set func(**time.Timer)) {
	t := time.AfterFunc(time.Second, func() {})
	set(&t)
	<-t.C
}

type holder struct{ timer *time.Timer }

func (h *holder) start() { h.timer = time.AfterFunc(time.Second, func() {}) }

func (h *holder) wait() { <-h.timer.C }

func newHolder(t *time.Timer) *holder { return &holder{t} }

type keyed struct{ timer *time.Timer }

func (k *keyed) start() { k.timer = time.AfterFunc(time.Second, func() {}) }

func (k *keyed) wait() { <-k.timer.C }

func newKeyed() *keyed { return &keyed{timer: time.NewTimer(1)} }

// Exported is set by whoever likes to.
type Exported struct{ Timer *time.Timer }

func (e *Exported) start() { e.Timer = time.AfterFunc(time.Second, func() {}) }

func (e *Exported) wait() { <-e.Timer.C }

// Another variable decides.
func otherBool(t *time.Timer, again bool) {
	if stopped := t.Stop(); !again {
		<-t.C
		println(stopped)
	}
	stopped := t.Stop()
	if !again {
		<-t.C
	}
	println(stopped)
}

// There is nothing in the if.
func empty(t *time.Timer) {
	if !t.Stop() {
	}
	stopped := t.Stop()
	if !stopped {
	}
}
