package rate

// This file lets tests settle a permit in an order in which only a race does.

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
