package adaptive

// This file is the permit: a slot, and since when its units are in flight.

import (
	"sync"
	"time"

	"github.com/belay-go/belay/limiter"
)

// lease is what a permit stands for. Between two permits it is in leases.
type lease struct {
	l    *Limiter
	at   time.Duration
	slot limiter.Slot
}

// leases hold no channel and no timer, so it does not matter to whom one goes
// next, inside of a bubble or outside.
var leases = sync.Pool{New: func() any { return new(lease) }}

func (l *Limiter) lend(at time.Duration, n int64) limiter.Permit {
	s := leases.Get().(*lease)
	s.l, s.at = l, at
	return s.slot.Permit(s, n)
}

// Release ends a permit whose work is done.
func (s *lease) Release(n int64) { s.end(n, served) }

// Drop ends one whose work was lost.
func (s *lease) Drop(n int64) { s.end(n, dropped) }

// Ignore ends one as if it had not been.
func (s *lease) Ignore(n int64) { s.end(n, ignored) }

func (s *lease) end(n int64, as outcome) {
	l, at := s.l, s.at
	s.l = nil
	leases.Put(s)
	if n > 0 {
		l.end(at, n, as)
	}
}

// Refund takes back n units of a permit that goes on, as if they had not been
// taken.
func (s *lease) Refund(n int64) { s.l.end(s.at, n, ignored) }
