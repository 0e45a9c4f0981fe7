package keyed

// This file lets tests see the table, and say what hash a key has.

// Slots returns how many slots the table has.
func Slots[K comparable](r *Rate[K]) int { return len(r.core.table.sets) * ways }

// Present counts the slots that a key has: one at most.
func Present(k RateKey) (n int) {
	for i := range k.core.table.sets {
		for j := range k.core.table.sets[i] {
			if k.core.table.sets[i][j].hash.Load() == k.hash {
				n++
			}
		}
	}
	return n
}

// Held returns of how many keys the semaphore thinks that something is held.
func Held[K comparable](s *Semaphore[K]) int64 { return s.core.held.Load() }

// Lines returns how many keys have a line.
func Lines[K comparable](s *Semaphore[K]) (n int) {
	for i := range s.core.table.stripes {
		st := &s.core.table.stripes[i]
		st.mu.Lock()
		n += len(st.mu.lines)
		st.mu.Unlock()
	}
	return n
}

// Collide returns the bucket that k's key would share with another of this hash.
func Collide(k RateKey, hash uint64) RateKey { return RateKey{core: k.core, hash: hash | present} }

// Lock holds back whoever wants to bring the key in, until unlock is called.
func Lock(k RateKey) (unlock func()) {
	st := k.core.table.stripe(k.hash)
	st.mu.Lock()
	return st.mu.Unlock
}

// FoundByAllow looks for the slot of a key and returns what goes on from there.
func FoundByAllow(k RateKey) (goOn func() (ok, known bool)) {
	s, word := k.core.table.look(k.hash)
	return func() (ok, known bool) { return k.core.allowIn(s, k.hash, word) }
}

// FoundByTake is FoundByAllow for those who take a token with a permit.
func FoundByTake(k RateKey) (goOn func() (ok, over bool)) {
	s := k.core.table.find(k.hash)
	return func() (ok, over bool) {
		g := grabbed{hash: k.hash, key: k.hash, n: 1}
		over = k.core.attemptIn(&g, s)
		return g.ok, over
	}
}

// FoundIdle is FoundByAllow for those who take a unit of which nothing is held.
func FoundIdle(k SemaphoreKey) (goOn func() (ok, over bool)) {
	s := k.core.table.find(k.hash)
	return func() (ok, over bool) {
		s, _, over := k.core.attemptIn(s, k.hash, 1, 0)
		return s != nil, over
	}
}

// Here reports whether a key has a slot.
func Here(k SemaphoreKey) bool { return k.core.table.find(k.hash) != nil }
