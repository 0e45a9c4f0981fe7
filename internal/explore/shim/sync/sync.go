// Package sync stands for the standard library's in source that is explored.
package sync

import (
	"sync"

	"github.com/belay-go/belay/internal/explore"
)

// Locker is that of package sync.
type Locker = sync.Locker

// Mutex stands for that of package sync.
type Mutex struct{ held bool }

// Lock locks m.
func (m *Mutex) Lock() {
	explore.Await("Lock", func() bool { return !m.held })
	m.held = true
}

// TryLock locks m if nobody has.
func (m *Mutex) TryLock() bool {
	explore.Step("TryLock")
	was := m.held
	m.held = true
	return !was
}

// Unlock unlocks m.
func (m *Mutex) Unlock() {
	explore.Step("Unlock")
	if !m.held {
		panic("sync: unlock of unlocked mutex")
	}
	m.held = false
}

// Cond stands for that of package sync.
type Cond struct {
	L       Locker
	waiting []*bool
}

// Wait unlocks L, waits to be woken and locks L.
func (c *Cond) Wait() {
	woken := new(bool)
	c.waiting = append(c.waiting, woken)
	c.L.Unlock()
	explore.Await("Cond.Wait", func() bool { return *woken })
	c.L.Lock()
}

// Signal wakes who has waited for longest.
func (c *Cond) Signal() {
	explore.Step("Signal")
	if len(c.waiting) > 0 {
		*c.waiting[0] = true
		c.waiting = c.waiting[1:]
	}
}

// Broadcast wakes all.
func (c *Cond) Broadcast() {
	explore.Step("Broadcast")
	for _, woken := range c.waiting {
		*woken = true
	}
	c.waiting = nil
}

// Pool stands for that of package sync. It keeps all, for the run.
type Pool struct {
	New  func() any
	era  int
	kept []any
}

// Get returns what was put last, else what New makes.
func (p *Pool) Get() any {
	p.renew()
	if n := len(p.kept); n > 0 {
		x := p.kept[n-1]
		p.kept = p.kept[:n-1]
		return x
	}
	if p.New == nil {
		return nil
	}
	return p.New()
}

// Put keeps x.
func (p *Pool) Put(x any) {
	p.renew()
	p.kept = append(p.kept, x)
}

func (p *Pool) renew() {
	if era := explore.Era(); p.era != era {
		p.era, p.kept = era, nil
	}
}

// WaitGroup is that of package sync: what is explored only names its type.
type WaitGroup = sync.WaitGroup

// Once stands for that of package sync.
type Once struct {
	mu   Mutex
	done bool
}

// Do calls f the first time.
func (o *Once) Do(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.done {
		defer func() { o.done = true }()
		f()
	}
}
