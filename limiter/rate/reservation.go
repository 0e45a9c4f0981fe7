package rate

// This file holds tokens that are taken in advance, to be used at a time of which
// the caller is told.

import "time"

// Reservation is tokens that were taken in advance, to be used after a delay,
// or the news that there are none. It comes from [Limiter.Reserve]; the zero
// value is not OK. All methods may be called concurrently.
type Reservation struct {
	lim *Limiter // nil if the reservation is not OK
	act instant
	c   *claim // nil if there is nothing to give back
	id  uint64 // of the claim; another one: it is no longer this reservation's
}

// Reserve takes one token in advance. It never waits: [Reservation.Delay] says
// how long to. It is for those who wait in their own way; [Limiter.Wait] also
// minds a context, and leaves earlier when others give tokens back.
func (lim *Limiter) Reserve() *Reservation {
	// Short enough to be inlined, so that the reservation is on the caller's
	// stack; the ledger has a claim of its own for the same reason.
	r := new(Reservation)
	lim.reserve(r)
	return r
}

// ReserveN takes n tokens in advance, as of time t. The reservation is not OK,
// and has taken nothing, if n is more than the burst or the tokens never come.
// It panics with "rate: n < 0" if n is negative.
func (lim *Limiter) ReserveN(t time.Time, n int) *Reservation {
	r := new(Reservation)
	lim.reserveAt(r, t, n)
	return r
}

func (lim *Limiter) reserve(r *Reservation) {
	t := lim.lock()
	lim.reserveLocked(r, t, 1)
	lim.mu.Unlock()
}

func (lim *Limiter) reserveAt(r *Reservation, t time.Time, n int) {
	mustNotBeNegative(int64(n))
	at := on(t)
	lim.lockAt(at)
	lim.reserveLocked(r, at, int64(n))
	lim.mu.Unlock()
}

func (lim *Limiter) reserveLocked(r *Reservation, t instant, n int64) {
	wait, ok := lim.takeLocked(t, n, InfDuration)
	if !ok {
		lim.mu.stats.Refused++
		return
	}
	lim.mu.stats.Total += uint64(n)
	r.lim, r.act = lim, t.add(wait)
	// Under Inf nothing was taken, and so nothing goes back.
	if n > 0 && !lim.mu.limit.unlimited() {
		r.c = lim.newLocked()
		r.id = r.c.id
		lim.pushLocked(r.c, n, max(r.act, lim.mu.last), booked)
	}
}

// OK reports whether the tokens were taken. If not, Delay is [InfDuration] and
// Cancel does nothing.
func (r *Reservation) OK() bool { return r.lim != nil }

// Delay returns how long it is from now until the tokens may be used: zero if
// that is now or was before, [InfDuration] if the reservation is not OK.
func (r *Reservation) Delay() time.Duration { return r.delay(now()) }

// DelayFrom is [Reservation.Delay] as of time t.
func (r *Reservation) DelayFrom(t time.Time) time.Duration { return r.delay(on(t)) }

func (r *Reservation) delay(t instant) time.Duration {
	if !r.OK() {
		return InfDuration
	}
	return max(r.act.since(t), 0)
}

// Cancel gives the tokens back that won't be used, unless their time has come
// and gone. Those who wait behind move forward. Who reserved later keeps the turn
// that was computed without these tokens; as many are withheld as would let more
// than burst + limit·t be used in some span of time t that one of these turns
// begins: none if there is no later turn, or none that is for a large part of the
// burst. They come back when those cancel as well. A second Cancel does nothing.
func (r *Reservation) Cancel() {
	if r.c != nil {
		t := r.lim.lock()
		r.cancelLocked(t)
		r.lim.mu.Unlock()
	}
}

// CancelAt is [Reservation.Cancel] as of time t.
func (r *Reservation) CancelAt(t time.Time) {
	if r.c != nil {
		at := on(t)
		r.lim.lockAt(at)
		r.cancelLocked(at)
		r.lim.mu.Unlock()
	}
}

func (r *Reservation) cancelLocked(t instant) {
	lim, c := r.lim, r.c
	if c.id != r.id || c.act < max(t, lim.mu.last) {
		return // given back already, or it may have been used
	}
	lim.mu.advance(t)
	lim.dropLocked(c)
	lim.freeLocked(c)
	lim.moveLocked(t)
}
