package belayredis

// This file is the line of those who want units of a semaphore, and its round
// trips. The first in line makes them for all; who has to wait looks again when it
// is told to, and finds out what has become of it.
//
//	 take ──▶ in line ──────▶ granted   by a round trip, from what is at hand, or
//	            │    │                  from the share
//	ctx is done │    └──────▶ refused   once it was asked for, if it is not to wait
//	            ▼
//	           gone

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	minPause      = time.Millisecond // between two round trips of the first in line
	maxPause      = 50 * time.Millisecond
	giveBackAfter = time.Millisecond // what a release leaves, for the next call to go with
)

// place is one who wants units. Its fields belong to the lock.
type place struct {
	n     int64
	once  bool          // not to wait
	look  chan struct{} // something has happened
	began time.Time

	flies            bool // in a round trip
	asked            bool // at least once
	granted, refused bool
	gone             bool // nobody is there any more
}

func (p *place) lookAgain() {
	select {
	case p.look <- struct{}{}:
	default:
	}
}

func (p *place) refuse() {
	p.refused = true
	p.lookAgain()
}

// fitsLocked reports whether units are to be had without a round trip.
func (s *Semaphore) fitsLocked(n int64) bool {
	if s.is(Local) {
		return s.mu.used+n <= s.shareLocked()
	}
	return s.leaseSize > 0 && s.mu.spare >= n && !s.staleLocked()
}

// staleLocked reports whether what is at hand may be others' by now, as it was not
// renewed: round trips fail, or the process was stopped. It is a while before
// Redis gives it away, which counts from before its answer.
func (s *Semaphore) staleLocked() bool { return s.quiet() >= s.MemberTTL.Microseconds()/2 }

// shareLocked is this process' share of the size.
func (s *Semaphore) shareLocked() int64 {
	if m := s.members(); m > 0 {
		return s.size / int64(m)
	}
	return 0
}

// holdLocked takes units that fit.
func (s *Semaphore) holdLocked(n int64) {
	if s.is(Shared) {
		s.mu.spare -= n
	}
	s.mu.used += n
	s.armLocked(s.renewal())
}

// serveLocked grants what fits to those in line, in order.
func (s *Semaphore) serveLocked() {
	for len(s.mu.line) > 0 && !s.mu.line[0].flies && s.fitsLocked(s.mu.line[0].n) {
		p := s.mu.line[0]
		s.mu.line = slices.Delete(s.mu.line, 0, 1)
		s.holdLocked(p.n)
		s.grantedLocked(p)
	}
	s.wakeFirstLocked()
}

func (s *Semaphore) wakeFirstLocked() {
	if len(s.mu.line) > 0 {
		s.mu.line[0].lookAgain()
	}
}

func (s *Semaphore) grantedLocked(p *place) {
	p.granted = true
	if p.asked && !p.once {
		s.mu.stats.Waited++
		s.mu.stats.WaitTime.Observe(time.Since(p.began))
	}
	p.lookAgain()
}

// blockedLocked reports whether somebody waits who asked in vain.
func (s *Semaphore) blockedLocked() bool {
	if len(s.mu.line) == 0 {
		return false
	}
	p := s.mu.line[0]
	return p.asked && !p.flies && !p.once
}

// await waits in line. The error is errFull, or that of a ctx that is done.
func (s *Semaphore) await(ctx context.Context, p *place) error {
	for {
		leads, pause, err, done := s.look(ctx, p)
		switch {
		case done:
			return err
		case leads:
			_ = s.trip(ctx, false)
			continue
		}
		s.rest(ctx, p, pause)
	}
}

// look finds out what has become of a place, and what it is to do: to make a round
// trip, or to wait, and how long at most.
func (s *Semaphore) look(ctx context.Context, p *place) (leads bool, pause time.Duration, err error, done bool) {
	err = ended(ctx) // it is anyone's code, and not for under the lock
	if s.is(Local) {
		s.tend()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.leaveLocked(p)
		return false, 0, err, true
	case p.granted:
		s.mu.stats.Total += uint64(p.n)
		return false, 0, nil, true
	case p.refused:
		return false, 0, errFull, true
	case s.mu.line[0] != p || s.mu.busy:
		return false, 0, nil, false
	case s.is(Local):
		s.serveLocked()
		switch {
		case p.granted:
		case p.once:
			s.leaveLocked(p)
			return false, 0, errFull, true
		default: // it has just looked
			select {
			case <-p.look:
			default:
			}
		}
		return false, s.mu.pause, nil, false // if it is granted, it looks again
	case !p.asked || s.mu.hurry:
		s.mu.busy = true
		return true, 0, nil, false
	}
	return false, s.mu.pause, nil, false
}

// rest waits until there is something to look at; the first in line no longer than
// pause, and then it is to ask.
func (s *Semaphore) rest(ctx context.Context, p *place, pause time.Duration) {
	if pause == 0 {
		select {
		case <-p.look:
		case <-ctx.Done():
		}
		return
	}
	timer := time.NewTimer(pause*3/4 + rand.N(pause/2))
	defer timer.Stop()
	select {
	case <-p.look:
	case <-ctx.Done():
	case <-timer.C:
		s.mu.Lock()
		s.mu.hurry = true
		s.mu.pause = min(2*s.mu.pause, maxPause)
		s.mu.Unlock()
	}
}

// leaveLocked takes a place out of the line, or gives back what it was granted.
func (s *Semaphore) leaveLocked(p *place) {
	if p.granted {
		s.mu.used -= p.n
		if s.is(Shared) {
			s.mu.spare += p.n
			s.armLocked(giveBackAfter)
		}
		s.serveLocked()
		return
	}
	p.gone = true
	if i := slices.Index(s.mu.line, p); i >= 0 && !p.flies {
		s.mu.line = slices.Delete(s.mu.line, i, i+1)
	}
	s.wakeFirstLocked()
}

// trip makes a round trip for the line. Its caller has set busy. A probe goes to
// Redis even if that is down.
func (s *Semaphore) trip(ctx context.Context, probe bool) error {
	s.mu.Lock()
	mu := &s.mu
	mu.hurry = false
	if s.is(Local) && !probe {
		s.landLocked(nil, 0, true)
		mu.Unlock()
		return errTrip
	}
	if probe && s.is(Local) || s.staleLocked() {
		mu.spare = 0
	}
	mu.spare = min(mu.spare, s.leaseSize)
	mu.calls++
	batch := slices.Clone(mu.line[:min(len(mu.line), mostAsked)])
	wanted := s.leaseSize - mu.spare
	if len(batch) == 0 {
		wanted = 0
	}
	args := []string{s.id, itoa(s.MemberTTL.Microseconds()), itoa(s.size), itoa(mu.calls), itoa(mu.used + mu.spare),
		itoa(s.shareLocked()), itoa(s.away()), itoa((s.MemberTTL/3 + s.Probe + s.Timeout).Microseconds()),
		itoa(s.quiet()), itoa(wanted), itoa(s.leaseSize)}
	for _, p := range batch {
		p.flies, p.asked = true, true
		args = append(args, itoa(p.n))
	}
	mu.Unlock()

	var reply []int64
	err := errTrip
	defer func() { // also if the store panics
		mu.Lock()
		if err != nil {
			s.landLocked(batch, 0, false)
			mu.Unlock()
			return
		}
		_, say := s.back(0) // while there is a grace, the script keeps all to their shares
		mu.spare += reply[2]
		s.landLocked(batch, int(reply[3]), true)
		mu.Unlock()
		say()
	}()
	reply, err = s.eval(ctx, semaphoreScript, args, 0)
	if err == nil && (len(reply) != 4 || int(reply[3]) > len(batch)) {
		err = errTrip
		s.fail(err)
	}
	return err
}

// landLocked ends a round trip: the first so many of the batch have what they
// want. Without an answer they may live on the share.
func (s *Semaphore) landLocked(batch []*place, granted int, answered bool) {
	mu := &s.mu
	mu.busy = false
	for i, p := range batch {
		p.flies = false
		switch {
		case i < granted && p.gone: // comes back with the next round trip
			mu.spare += p.n
		case i < granted:
			mu.used += p.n
			s.grantedLocked(p)
		case !answered && !p.gone && mu.used+p.n <= s.shareLocked():
			mu.used += p.n
			s.grantedLocked(p)
		case p.once:
			p.refuse()
		}
	}
	mu.line = slices.DeleteFunc(mu.line, func(p *place) bool { return p.granted || p.refused || p.gone && !p.flies })
	if granted > 0 {
		mu.pause = minPause
	}
	s.serveLocked()
	if s.blockedLocked() { // they came meanwhile, and are not to wait
		for _, p := range mu.line {
			if p.once {
				p.refuse()
			}
		}
		mu.line = slices.DeleteFunc(mu.line, func(p *place) bool { return p.refused })
	}
	s.armLocked(s.renewal())
	if mu.spare > s.leaseSize {
		s.armLocked(giveBackAfter)
	}
}

// renewal is how long after a round trip the next one renews what is held; longer
// than giveBackAfter, which also stands for something to be given back.
func (s *Semaphore) renewal() time.Duration { return max(s.MemberTTL/3, 2*giveBackAfter) }

// armLocked has the timer go off after d at the latest, while there is something
// to renew or to give back.
func (s *Semaphore) armLocked(d time.Duration) {
	if s.mu.timer != nil && d > giveBackAfter {
		return
	}
	if s.mu.used+s.mu.spare == 0 && d > giveBackAfter {
		return
	}
	if s.mu.timer != nil {
		s.mu.timer.Stop()
	}
	s.mu.timer = time.AfterFunc(d, s.tick)
}

// tick renews what is held, or gives back what is not needed any more. It runs for
// as long as something is held, and ends with its round trip.
func (s *Semaphore) tick() {
	if s.is(Local) {
		s.tend()
	}
	s.mu.Lock()
	s.mu.timer = nil
	if s.mu.busy || s.is(Local) {
		s.armLocked(max(2*giveBackAfter, s.Probe/10))
		s.mu.Unlock()
		return
	}
	if !s.mu.called {
		s.mu.spare = 0
	}
	s.mu.called = false
	s.mu.busy = true
	s.mu.Unlock()
	_ = s.trip(context.Background(), false)
}
