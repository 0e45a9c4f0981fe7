package belayredis

// This file is the rate: what a call does before and after it has been to Redis.

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
)

// RateOptions say what a rate is to be. All that share one should say the same;
// where one says something else, Redis goes by who asks.
type RateOptions struct {
	Fleet
	// Limit is how many tokens the whole fleet gains per second.
	Limit float64
	// Burst is the most tokens that can be there, and so the most that the fleet can
	// take at once.
	Burst int64
	// Lease is how many tokens a process takes in advance, so that the next calls
	// need no round trip. It counts as long as all members' leases together are no more than
	// half of Burst; where the fleet is larger nothing is leased. What is
	// leased and not used within half of MemberTTL is lost. With a lease, one call
	// may take half of Burst at most. 0: none.
	Lease int64
}

// Rate is a token bucket that a fleet shares. It is a [limiter.Limiter]. Use
// [NewRate]. All methods may be called concurrently; they order nothing beyond
// the rate's own state.
type Rate struct {
	link
	limit      float64
	burst      int64
	most       int64 // that one call may take
	unit, gain int64 // of the bucket, see rateScript
	leaseSize  int64
	lease      atomic.Pointer[lease]
	granted    atomic.Uint64 // tokens of round trips; the lease and local have their own
	local      *rate.Limiter // this process' share, while there is no Redis

	mu struct {
		sync.Mutex
		line   []*ask // in the order of coming
		busy   bool   // somebody leads: makes the round trip for the line
		living bool   // on local, since a round trip failed
		fixes  []fix  // to go with the next round trip

		t, v, refunds, birth int64 // the bucket as it was seen last

		stats belay.Stats // without what the lease and local add
		alone uint64      // refusals while Local, without local's
	}
}

// NewRate returns a rate, after one round trip to Redis. If that fails, the rate
// is local where [Fleet.Members] or [Fleet.Unseen] say how to live, and otherwise
// the error is one that Is [ErrNeverReached]. ctx's values go to the store; a ctx
// that is done is an error.
//
// It panics if options make no sense: with "belayredis: Limit must be positive
// and finite", "belayredis: Burst < 1", "belayredis: Burst takes longer than 30
// years to fill", "belayredis: Lease < 0", "belayredis: no Store", "belayredis:
// no Key", "belayredis: a brace in Key" or "belayredis: Members < 0".
func NewRate(ctx context.Context, o RateOptions) (*Rate, error) {
	switch {
	case !(o.Limit > 0) || math.IsInf(o.Limit, 0):
		panic("belayredis: Limit must be positive and finite")
	case o.Burst < 1:
		panic("belayredis: Burst < 1")
	case o.Lease < 0:
		panic("belayredis: Lease < 0")
	}
	r := &Rate{limit: o.Limit, burst: o.Burst, most: o.Burst, leaseSize: min(o.Lease, o.Burst/2)}
	r.init(o.Fleet, "rate", "fleet")
	if r.leaseSize > 0 {
		r.most = o.Burst - o.Burst/2
	}
	r.unit, r.gain = scale(o.Limit, o.Burst)
	r.local = rate.NewLimiter(0, 0)
	if err := ended(ctx); err != nil {
		return nil, err
	}
	err := r.first(ctx, func(ctx context.Context) error {
		r.mu.busy = true
		return r.lead(ctx, true)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// scale returns how many units a token is worth, and how many are gained per
// microsecond: integers, so that a burst of them is well below 2^53, and as many
// as that allows, so that the limit is off by less than one part in a million, and
// never above.
func scale(limit float64, burst int64) (unit, gain int64) {
	const most = 1 << 50
	gain = max(1, int64(min(most, limit*float64(most/burst)/1e6)))
	units := math.Ceil(float64(gain) * 1e6 / limit)
	if units*float64(burst) > 2*most {
		panic("belayredis: Burst takes longer than 30 years to fill")
	}
	return max(1, int64(units)), gain
}

// Take takes n tokens, and waits until they may be used if they are booked ahead.
// It returns a permit once they may. Otherwise the error is
//
//   - one that Is both ctx.Err() and the context's cause, if ctx is done;
//   - a [*limiter.RefusedError] that is [limiter.ErrTooLarge], at once, if n is
//     more than the burst, or than half of it with a lease;
//   - one that is [limiter.ErrTooLate], if the turn would not come before ctx's
//     deadline;
//   - one that is [limiter.ErrLimited], if the limit is local and n is more than
//     the share's burst, or refuses everything as Redis was never reached; its
//     RetryAfter is when Redis is tried next.
//
// A ctx that is done in the middle of a round trip is noticed at its end if the
// call is the one that makes it for all who wait, which is at most half of
// [Fleet.Timeout] later. Who gives up waiting for its turn gives its tokens back
// where nobody booked later, else they stay taken.
//
// Releasing the permit gives nothing back, as the event has happened.
// [limiter.Permit.Settle] puts the cost right; this goes with the next round
// trip, and a refund is worth only what would certainly be there by then if
// the tokens had never been taken.
//
// It panics with "belayredis: n < 0" if n is negative and with "belayredis: Take
// with a nil context" if ctx is nil.
func (r *Rate) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	if ctx == nil {
		panic("belayredis: Take with a nil context")
	}
	mustNotBeNegative(n)
	if err := ended(ctx); err != nil {
		return limiter.Permit{}, r.count(err)
	}
	if p, ok := r.takeLeased(n); ok {
		return p, nil
	}
	return r.take(ctx, n, true)
}

// TryTake is [Rate.Take] without a wait for a turn: it makes a round trip if the
// lease is used up, and takes no longer than [Fleet.Timeout]. The error is a
// [*limiter.RefusedError]. It panics with "belayredis: n < 0" if n is negative.
func (r *Rate) TryTake(n int64) (limiter.Permit, error) {
	mustNotBeNegative(n)
	if p, ok := r.takeLeased(n); ok {
		return p, nil
	}
	return r.take(context.Background(), n, false)
}

func mustNotBeNegative(n int64) {
	if n < 0 {
		panic("belayredis: n < 0")
	}
}

// never is the RetryAfter of what no waiting helps.
const never = time.Duration(math.MaxInt64)

var errTooLarge = &limiter.RefusedError{Reason: limiter.ErrTooLarge, RetryAfter: never}

func (r *Rate) take(ctx context.Context, n int64, waits bool) (limiter.Permit, error) {
	switch {
	case n == 0:
		return limiter.Permit{}, nil
	case n > r.most:
		return limiter.Permit{}, r.count(errTooLarge)
	case r.is(Local) && !r.tend():
		return r.takeLocal(ctx, n, waits)
	}
	a := &ask{n: n}
	if waits {
		a.patience = patience(ctx)
	}
	if err := r.ask(ctx, a); err != nil {
		return limiter.Permit{}, r.count(err)
	}
	switch {
	case a.failed:
		return r.takeLocal(ctx, n, waits)
	case a.leased != nil:
		return limiter.NewPermit(a.leased, n), nil
	case !a.granted:
		why := limiter.ErrLimited
		if waits {
			why = limiter.ErrTooLate
		}
		return limiter.Permit{}, r.count(&limiter.RefusedError{Reason: why, RetryAfter: a.wait})
	}
	if a.wait > 0 {
		if err := r.waitFor(ctx, a); err != nil {
			return limiter.Permit{}, r.count(err)
		}
	}
	r.granted.Add(uint64(n))
	return limiter.NewPermit(a.claim, n), nil
}

// patience returns how long a turn may be away so that it comes before ctx's
// deadline.
func patience(ctx context.Context) time.Duration {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return never
	}
	return max(0, time.Until(deadline)-1)
}

// waitFor waits for a turn. If that and the end of ctx meet, the context wins.
func (r *Rate) waitFor(ctx context.Context, a *ask) error {
	r.mu.Lock()
	r.mu.stats.Waiting++
	r.mu.Unlock()
	began := time.Now()
	timer := time.NewTimer(a.wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	err := ended(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.stats.Waiting--
	if err != nil {
		r.fixLocked(a.claim, a.n)
		return err
	}
	r.mu.stats.Waited++
	r.mu.stats.WaitTime.Observe(time.Since(began))
	return nil
}

// takeLocal takes from this process' share.
func (r *Rate) takeLocal(ctx context.Context, n int64, waits bool) (p limiter.Permit, err error) {
	if r.members() == 0 {
		if r.Unseen == FailOpen {
			r.granted.Add(uint64(n))
			return limiter.Permit{}, nil
		}
		return p, r.count(&limiter.RefusedError{Reason: limiter.ErrLimited, RetryAfter: r.untilNext()})
	}
	r.mu.Lock()
	r.liveLocked()
	r.mu.Unlock()
	if waits {
		p, err = r.local.Take(ctx, n)
	} else {
		p, err = r.local.TryTake(n)
	}
	if errors.Is(err, limiter.ErrTooLarge) { // than the share; Redis has more
		err = &limiter.RefusedError{Reason: limiter.ErrLimited, RetryAfter: r.untilNext()}
	}
	return p, err
}

// liveLocked begins to live on the share. It starts without a token, as nobody
// knows how many of the fleet's are gone.
func (r *Rate) liveLocked() {
	if r.mu.living {
		return
	}
	members := r.members()
	if members == 0 {
		return
	}
	r.mu.living = true
	r.local.SetBurst(0)
	r.local.SetLimit(rate.Limit(r.limit / float64(members)))
	r.local.SetBurst(int(r.burst / int64(members)))
}

// tend does what a call that finds the limit local has to do for all: it joins
// the fleet again when that is due, and reports whether it did, or has Redis
// probed. The probe has a goroutine, as its call is to have a verdict now; there
// is one at a time, and it ends with its round trip.
func (r *Rate) tend() (joined bool) {
	join, probe := r.due()
	if join {
		r.mu.Lock()
		shared, say := r.back(0)
		r.mu.living = r.mu.living && !shared
		r.mu.Unlock()
		say()
		return shared
	}
	if probe {
		go r.probe()
	}
	return false
}

func (r *Rate) probe() {
	defer r.probed()
	r.mu.Lock()
	if r.mu.busy {
		r.mu.Unlock()
		return
	}
	r.mu.busy = true
	r.mu.Unlock()
	_ = r.lead(context.Background(), true) // fail has kept the error
}

// count counts a failure, and returns it.
func (r *Rate) count(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := errors.AsType[*limiter.RefusedError](err); ok {
		r.mu.stats.Refused++
		if r.is(Local) {
			r.mu.alone++
		}
	} else {
		r.mu.stats.Cancelled++
	}
	return err
}

// Stats returns what this process did: Limit and InFlight are zero, as nothing of
// a rate is in flight. It takes constant time.
func (r *Rate) Stats() belay.Stats {
	local := r.local.Stats()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.mu.stats
	if l := r.lease.Load(); l != nil {
		s.Total += uint64(l.granted - l.left.Load())
	}
	s.Waiting += local.Waiting
	s.Total += r.granted.Load() + local.Total
	s.Waited += local.Waited
	s.Refused += local.Refused
	s.Cancelled += local.Cancelled
	s.WaitTime.Sum += local.WaitTime.Sum
	for i, n := range local.WaitTime.Counts {
		s.WaitTime.Counts[i] += n
	}
	return s
}

// State returns how the limit stands with Redis. It takes constant time, waits for
// nothing, and asks Redis nothing.
func (r *Rate) State() State {
	s := r.stand()
	if s.Members > 0 {
		s.Share = r.limit / float64(s.Members)
	}
	s.Refused = r.local.Stats().Refused
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Refused += r.mu.alone
	if l := r.lease.Load(); l != nil && l.open() {
		s.Leased = l.left.Load()
	}
	return s
}

// Burst returns the most tokens that the fleet can take at once.
func (r *Rate) Burst() int64 { return r.burst }

// Limit returns how many tokens the whole fleet gains per second.
func (r *Rate) Limit() float64 { return r.limit }
