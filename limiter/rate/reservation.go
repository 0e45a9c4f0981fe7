package rate

// This file holds tokens that are taken in advance.

import "time"

// Reservation is tokens that were taken in advance, to be used after a delay,
// or the news that there are none. It comes from [Limiter.Reserve]; the zero
// value is not OK. A Reservation must not be copied. All methods may be called
// concurrently.
type Reservation struct {
	lim     *Limiter // nil if the reservation is not OK
	act     time.Time
	booking booking // guarded by lim.mu
}

// Reserve takes one token in advance. It never waits: [Reservation.Delay] says
// how long to. It is for those who wait in their own way; [Limiter.Wait] also
// minds a context.
func (lim *Limiter) Reserve() *Reservation {
	lim.mu.Lock()
	defer lim.mu.Unlock()
	return lim.reserveLocked(lim.nowLocked(), 1)
}

// ReserveN takes n tokens in advance, as of time t. The reservation is not OK,
// and has taken nothing, if n is more than the burst or the tokens never come.
// It panics with "rate: n < 0" if n is negative.
func (lim *Limiter) ReserveN(t time.Time, n int) *Reservation {
	mustNotBeNegative(n)
	lim.mu.Lock()
	defer lim.mu.Unlock()
	return lim.reserveLocked(t, n)
}

func (lim *Limiter) reserveLocked(t time.Time, n int) *Reservation {
	wait, debt, ok := lim.mu.take(t, n, InfDuration)
	lim.countLocked(ok, n)
	if !ok {
		return &Reservation{}
	}
	r := &Reservation{lim: lim, act: t.Add(wait)}
	lim.bookLocked(&r.booking, n, debt, r.act)
	return r
}

// bookLocked enters tokens that were just taken, and may be given back, into
// the ledger. Under Inf none were taken, and so none go back.
func (lim *Limiter) bookLocked(b *booking, n int, debt float64, act time.Time) {
	if n > 0 && !lim.mu.limit.unlimited() {
		*b = booking{n: n, debt: debt, act: act}
		lim.mu.ledger.add(lim.mu.last, b)
	}
}

// giveBackLocked cancels a booking as of t; a second time changes nothing.
func (lim *Limiter) giveBackLocked(t time.Time, b *booking) {
	if b.n == 0 || b.cancelled {
		return
	}
	lim.mu.bucket = lim.mu.at(t)
	lim.mu.put(lim.mu.ledger.cancel(lim.mu.last, b))
}

// OK reports whether the tokens were taken. If not, Delay is [InfDuration] and
// Cancel does nothing.
func (r *Reservation) OK() bool { return r.lim != nil }

// Delay returns how long it is from now until the tokens may be used: zero if
// that is now or was before, [InfDuration] if the reservation is not OK.
func (r *Reservation) Delay() time.Duration { return r.DelayFrom(time.Now()) }

// DelayFrom is [Reservation.Delay] as of time t.
func (r *Reservation) DelayFrom(t time.Time) time.Duration {
	if !r.OK() {
		return InfDuration
	}
	return max(r.act.Sub(t), 0)
}

// Cancel gives the tokens back that won't be used, unless their time has come
// and gone. Who reserved later keeps the turn that was computed without these
// tokens; as many as are owed to them are withheld, until they all have
// cancelled as well. A second Cancel does nothing.
func (r *Reservation) Cancel() {
	if r.OK() {
		r.lim.mu.Lock()
		defer r.lim.mu.Unlock()
		r.cancelLocked(r.lim.nowLocked())
	}
}

// CancelAt is [Reservation.Cancel] as of time t.
func (r *Reservation) CancelAt(t time.Time) {
	if r.OK() {
		r.lim.mu.Lock()
		defer r.lim.mu.Unlock()
		r.cancelLocked(t)
	}
}

func (r *Reservation) cancelLocked(t time.Time) {
	if t.After(r.act) {
		return // they may have been used
	}
	r.lim.giveBackLocked(t, &r.booking)
}
