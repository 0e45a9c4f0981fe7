package belayredis

// This file is the line of those who need a round trip. The first of them makes
// it for all who have come by then, so there is one at a time, whoever many call;
// those who come meanwhile are the next one's. Nobody has a goroutine for it.
//
//	          nobody leads                    its answer
//	ask ─────────────────────▶ leads ───────────────────────▶ answered
//	  │                          ▲   (and the first in line leads next)
//	  │ somebody leads           │ its turn to lead         ▲
//	  └───────▶ in line ─────────┴──▶ in flight ────────────┘
//	              │ ctx is done           │ ctx is done
//	              ▼                       ▼
//	             gone                gone, and what it is granted goes back

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/limiter"
)

// errTrip is the failure of a round trip whose error is no caller's.
var errTrip = errors.New("belayredis: no answer")

// mostAsked is how many requests go in one round trip: a script holds up all of
// Redis while it runs.
const mostAsked = 256

// ask is one request. All fields but ready belong to the lock until it is
// answered, and then to its caller.
type ask struct {
	n        int64
	patience time.Duration
	ready    chan struct{} // closed when it is answered or leads; nil if it leads at once

	leads, flies, gone bool

	failed  bool // no answer
	granted bool
	wait    time.Duration // until its turn, or until it might be granted
	claim   *claim
	leased  *lease // it came from there, without a round trip
}

// ask has a request answered. The error is that of a ctx that is done: then
// nothing was taken, or goes back.
func (r *Rate) ask(ctx context.Context, a *ask) error {
	r.mu.Lock()
	r.mu.line = append(r.mu.line, a)
	if !r.mu.busy {
		r.mu.busy, a.leads = true, true
	} else {
		a.ready = make(chan struct{})
	}
	r.mu.Unlock()
	if a.ready != nil {
		select {
		case <-a.ready:
		case <-ctx.Done():
			if r.leave(a) {
				return ended(ctx)
			}
		}
	}
	if a.leads {
		_ = r.lead(ctx, false)
	}
	if err := ended(ctx); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.giveBackLocked(a)
		return err
	}
	return nil
}

// leave takes a request out of the line, and reports whether that went: not if it
// was answered already.
func (r *Rate) leave(a *ask) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch i := slices.Index(r.mu.line, a); {
	case i >= 0:
		r.mu.line = slices.Delete(r.mu.line, i, i+1)
		if a.leads {
			r.passLocked()
		}
	case a.flies:
		a.gone = true
	default:
		return false
	}
	return true
}

// giveBackLocked gives back what nobody is there for.
func (r *Rate) giveBackLocked(a *ask) {
	switch {
	case a.leased != nil:
		a.leased.putBackLocked(a.n)
	case a.granted:
		r.fixLocked(a.claim, a.n)
	}
}

// passLocked makes the first in line lead.
func (r *Rate) passLocked() {
	if len(r.mu.line) == 0 {
		r.mu.busy = false
		return
	}
	next := r.mu.line[0]
	next.leads = true
	close(next.ready)
}

// lead makes a round trip for the line, and passes the lead on. Its caller has
// it. A probe goes to Redis even if that is down, or nobody asks for anything.
func (r *Rate) lead(ctx context.Context, probe bool) error {
	r.mu.Lock()
	r.serveLeasedLocked()
	batch := slices.Clone(r.mu.line[:min(len(r.mu.line), mostAsked)])
	r.mu.line = slices.Delete(r.mu.line, 0, len(batch))
	for _, a := range batch {
		a.flies = true
	}
	if !probe && (len(batch) == 0 || r.is(Local)) {
		r.failLocked(batch)
		r.mu.Unlock()
		return errTrip
	}
	fixes := r.mu.fixes
	r.mu.fixes = nil
	args := r.argsLocked(batch, fixes, probe)
	r.mu.Unlock()

	sent := r.now()
	var reply []int64
	err := errTrip
	defer func() { // also if the store panics
		r.mu.Lock()
		if err != nil {
			r.keepChargesLocked(fixes)
			r.failLocked(batch)
			r.mu.Unlock()
			return
		}
		r.answerLocked(batch, reply, sent)
		shared, say := r.back(time.Duration(reply[5]) * time.Microsecond)
		r.mu.living = r.mu.living && !shared
		r.serveLeasedLocked()
		r.passLocked()
		r.mu.Unlock()
		say()
	}()
	reply, err = r.eval(ctx, rateScript, args, 4)
	if err == nil && !fits(batch, reply) {
		err = errTrip
		r.fail(err)
	}
	return err
}

// failLocked sends everybody to the share.
func (r *Rate) failLocked(batch []*ask) {
	for _, a := range batch {
		a.failed = true
		a.answeredLocked()
	}
	r.passLocked()
}

// answeredLocked lets the caller go. Who leads knows by itself, and its channel
// was closed when it was told to.
func (a *ask) answeredLocked() {
	a.flies = false
	if a.ready != nil && !a.leads {
		close(a.ready)
	}
}

// argsLocked is what the script is told.
func (r *Rate) argsLocked(batch []*ask, fixes []fix, probe bool) []string {
	mu := &r.mu
	away, lacks, wanted := r.away(), int64(0), int64(0)
	if away >= 0 && mu.living {
		lacks = max(0, int64(math.Ceil(float64(r.local.Burst())-r.local.Tokens()))) // a part of a token is charged as one
	}
	if r.leaseSize > 0 && !probe {
		wanted = r.leaseSize
		if l := r.lease.Load(); l != nil {
			wanted = max(0, wanted-max(0, l.left.Load()))
		}
	}
	args := make([]string, 0, 16+5*len(fixes))
	args = append(args, r.joins(), itoa(r.MemberTTL.Microseconds()), itoa(r.burst), itoa(r.unit), itoa(r.gain), itoa(r.leaseSize),
		itoa(mu.t), itoa(mu.v), itoa(away), itoa((r.Probe + r.Timeout).Microseconds()), itoa(lacks), itoa(wanted), itoa(int64(len(fixes))))
	for _, f := range fixes {
		args = append(args, itoa(f.n), itoa(f.claim.t), itoa(f.claim.v), itoa(f.claim.refunds), itoa(f.claim.birth))
	}
	for run := range runs(batch) {
		args = append(args, itoa(int64(len(run))), itoa(run[0].n), itoa(run[0].limit()))
	}
	return args
}

// claim is a grant, as it has to be known to be put right.
type claim struct {
	r                    *Rate
	t, v, refunds, birth int64 // of the bucket, right after it
}

// Release does nothing: the event has happened.
func (c *claim) Release(int64) {}

// Settle turns the was tokens that were taken into is tokens.
func (c *claim) Settle(was, is int64) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.fixLocked(c, was-is)
}

// fix is a cost to be put right: n tokens of a claim go back, or if n is negative
// are owed.
type fix struct {
	claim *claim
	n     int64
}

// mostFixes bounds what waits for the next round trip.
const mostFixes = 256

func (r *Rate) fixLocked(c *claim, n int64) {
	switch fixes := r.mu.fixes; {
	case n < 0 && len(fixes) > 0 && fixes[len(fixes)-1].n < 0:
		fixes[len(fixes)-1].n += n // whose charge it is does not matter
	case n < 0 || n > 0 && len(fixes) < mostFixes:
		r.mu.fixes = append(fixes, fix{c, n})
	}
}

// keepChargesLocked keeps of the costs that may or may not have got there those
// that keep the bound if they get there twice.
func (r *Rate) keepChargesLocked(fixes []fix) {
	for _, f := range fixes {
		if f.n < 0 {
			r.fixLocked(f.claim, f.n)
		}
	}
}

// lease is tokens taken in advance. Each refill makes a new one of what is left.
type lease struct {
	r       *Rate
	granted int64 // that were in it at first
	end     int64 // local instant
	left    atomic.Int64
}

// open reports whether the time of a lease has not run out.
func (l *lease) open() bool {
	now := l.r.now()
	return now < l.end && now >= l.end-int64(l.r.MemberTTL)
}

func (l *lease) take(n int64) bool {
	if !l.open() {
		return false
	}
	for {
		left := l.left.Load()
		if left < n {
			return false
		}
		if l.left.CompareAndSwap(left, left-n) {
			return true
		}
	}
}

// takeLeased takes tokens that are at hand.
func (r *Rate) takeLeased(n int64) (p limiter.Permit, ok bool) {
	if l := r.lease.Load(); l != nil && n > 0 && l.take(n) {
		return limiter.NewPermit(l, n), true
	}
	return p, false
}

// serveLeasedLocked lets those go in front of the line whom the lease is enough
// for.
func (r *Rate) serveLeasedLocked() {
	l := r.lease.Load()
	for l != nil && len(r.mu.line) > 0 && l.take(r.mu.line[0].n) {
		a := r.mu.line[0]
		a.leased = l
		r.mu.line = slices.Delete(r.mu.line, 0, 1)
		a.answeredLocked()
	}
}

// leaseLocked puts n tokens into the lease, that were asked for at an instant: from
// then on the member counts as one of the fleet for MemberTTL.
func (r *Rate) leaseLocked(n, sent int64) {
	old := r.lease.Load()
	if r.leaseSize == 0 || n == 0 && old == nil {
		return
	}
	l := &lease{r: r, end: sent + int64(r.MemberTTL)/2}
	if old != nil {
		left := old.left.Swap(0)
		r.mu.stats.Total += uint64(old.granted - left)
		if old.open() {
			n += left
		}
	}
	l.granted = n
	l.left.Store(n)
	r.lease.Store(l)
}

// Release does nothing: the event has happened.
func (l *lease) Release(int64) {}

// Settle turns the was tokens that were taken into is tokens.
func (l *lease) Settle(was, is int64) {
	l.r.mu.Lock()
	defer l.r.mu.Unlock()
	if is < was {
		l.putBackLocked(was - is)
		return
	}
	l.r.fixLocked(&claim{r: l.r}, was-is)
}

// putBackLocked puts tokens back, as long as the lease was not filled up without
// them.
func (l *lease) putBackLocked(n int64) {
	if l.r.lease.Load() == l {
		l.granted += n // what was granted stays counted
		l.left.Add(n)
	}
}
