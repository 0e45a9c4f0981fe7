package pool

// This file is what a pool says of itself, and who has what is out.

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter"
)

// Counts is what a pool has besides [belay.Stats]. It is a plain value. The first
// five are from one instant; the others never decrease.
type Counts struct {
	Open    int64 // resources that exist: Idle, lent, or being checked; not those below
	Idle    int64
	Opening int64 // calls of Open that run
	Closing int64 // calls of Close that run
	Tending int64 // 1 while the upkeep that a call began runs

	Opened    uint64 // resources ever opened
	Closed    uint64 // resources ever closed, for whatever reason
	Expired   uint64 // those of Closed that were past their lifetime, or idle for too long
	Unhealthy uint64 // those of Closed that Check found broken
}

// Counts returns the counts of the pool. It takes constant time.
func (p *Pool[T]) Counts() Counts {
	p.lock()
	defer p.mu.Unlock()
	c := p.mu.counts
	c.Idle = p.mu.idle.Len()
	c.Open = c.Idle + p.mu.count[out] + p.mu.count[checking]
	c.Opening = p.mu.count[opening]
	c.Closing = p.mu.count[closing]
	if p.mu.tending {
		c.Tending = 1
	}
	return c
}

// Stats returns what the pool says of itself: Limit is MaxOpen, InFlight what is
// lent and the places that permits hold, Waiting the calls in line. Total counts
// what was granted, resources that a Check of Get then found broken included,
// and Waited the calls that were granted something after a wait, also of calls
// whose context ended at the same moment, so that it went back; WaitTime is how long
// calls waited, and stays empty unless the options ask for it. Refused counts calls
// that got nothing at once or because the pool was closed, Cancelled those
// whose context ended, and Failed and Panicked the calls of Open that did so. It
// takes constant time.
func (p *Pool[T]) Stats() belay.Stats {
	p.lock()
	defer p.mu.Unlock()
	s := p.mu.stats
	s.Limit = int64(p.o.MaxOpen)
	s.InFlight = p.mu.count[out] + p.mu.places
	s.Waiting = p.mu.line.Len()
	return s
}

// Rank returns the pool's place in the order in which [limiter.All] takes from
// limits on what is in flight: each has a number of its own, above zero, from the
// first call on.
func (p *Pool[T]) Rank() uint64 { return p.rank.Number() }

// Quota returns MaxOpen and the places that TryTake could have, for those who tell
// clients of it; window and reset, the times of a rate, are zero.
func (p *Pool[T]) Quota() (limit, remaining int64, window, reset time.Duration) {
	p.lock()
	defer p.mu.Unlock()
	if p.mu.line.Len() == 0 && !p.mu.closed {
		remaining = p.freeLocked()
	}
	return int64(p.o.MaxOpen), remaining, 0, 0
}

// Track turns the tracking of holders on or off, from the next Get on. While it is
// on each Get costs a stack trace, of about a microsecond, and an allocation.
func (p *Pool[T]) Track(on bool) { p.tracking.Store(on) }

// Holders returns who has a resource that was lent while tracking was on, the
// longest first. It takes time in proportion to MaxOpen. Permits have no holders
// here; [limiter.Watch] says those.
func (p *Pool[T]) Holders() []limiter.Holder {
	p.lock()
	defer p.mu.Unlock()
	return p.holdersLocked()
}

func (p *Pool[T]) holdersLocked() []limiter.Holder {
	var holders []limiter.Holder
	now := time.Now()
	for i := p.mu.all.First(); i != nil; i = i.Next() {
		if h := i.Value.held.Load(); h != nil && i.Value.state == out {
			holders = append(holders, limiter.Holder{Units: 1, Age: now.Sub(h.since), Stack: h.trace()})
		}
	}
	slices.SortFunc(holders, func(a, b limiter.Holder) int { return cmp.Compare(b.Age, a.Age) })
	return holders
}

// trace prints the stack as the runtime does.
func (h *holding) trace() string {
	depth := slices.Index(h.stack[:], 0)
	if depth < 0 {
		depth = len(h.stack)
	}
	var text strings.Builder
	frames := runtime.CallersFrames(h.stack[:depth])
	for {
		f, more := frames.Next()
		fmt.Fprintf(&text, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		if !more {
			return text.String()
		}
	}
}
