package rate

// This file lets tests settle a permit in an order in which only a race does, and
// read the clock long before they lock, as only a process does that was stopped.

import "time"

// Grant takes n tokens, which must be there, and returns what the permit for
// them calls.
func Grant(lim *Limiter, n int64) interface {
	Release(n int64)
	Settle(was, is int64)
} {
	t := lim.lock()
	defer lim.mu.Unlock()
	if _, ok := lim.takeLocked(t, n, 0); !ok {
		panic("no tokens")
	}
	return lim.grantedLocked(n, true)
}

// Tests run as if in a process that is an hour old, so that a reading can be.
func init() { base = base.Add(-time.Hour) }

// TryLate takes n tokens by a reading of the clock that is so old.
func TryLate(lim *Limiter, n int64, age time.Duration) (ok bool) {
	t := lim.lockFrom(now() - instant(age))
	defer lim.mu.Unlock()
	return lim.allowLocked(t, n)
}
