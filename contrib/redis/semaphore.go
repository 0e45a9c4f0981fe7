package belayredis

// This file is the semaphore: what callers do. The line and the round trips are in
// places.go.

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter"
)

// SemaphoreOptions say what a semaphore is to be. All that share one should say
// the same; where one says something else, Redis goes by who asks.
type SemaphoreOptions struct {
	Fleet
	// Size is how many units the whole fleet may hold at once.
	Size int64
	// Lease is how many units a process keeps at hand after they were released, so
	// that the next calls need no round trip. It counts as long as all members'
	// leases together are no more than half of Size; where the fleet is larger
	// nothing is leased. A process that has not been called for a third of
	// MemberTTL gives them back. 0: none.
	Lease int64
}

// Semaphore is a number of units that a fleet shares: of how much is in flight. It
// is a [limiter.Limiter]. Use [NewSemaphore]. All methods may be called
// concurrently.
//
// What was done before a permit is released is visible to those of the same
// process who take its units; nothing is ordered between processes, so one may wait
// for as long as others take every unit that comes free.
type Semaphore struct {
	link
	size      int64
	leaseSize int64

	mu struct {
		sync.Mutex
		line   []*place // in the order of coming
		busy   bool     // a round trip is on its way
		hurry  bool     // the next one is not to wait for the poll
		called bool     // since the last tick

		used  int64 // held by permits
		spare int64 // held and at hand; what is more than the lease goes back
		calls int64 // round trips begun
		pause time.Duration

		timer *time.Timer // while something is held, or to be given back
		stats belay.Stats
		alone uint64 // refusals while Local
	}
}

// NewSemaphore returns a semaphore, after one round trip to Redis. If that fails,
// the semaphore is local where [Fleet.Members] or [Fleet.Unseen] say how to live, and
// otherwise the error is one that Is [ErrNeverReached]. ctx's values go to the
// store; a ctx that is done is an error.
//
// It panics if options make no sense: with "belayredis: Size < 1", "belayredis:
// Lease < 0", "belayredis: no Store", "belayredis: no Key", "belayredis: a brace in
// Key" or "belayredis: Members < 0".
func NewSemaphore(ctx context.Context, o SemaphoreOptions) (*Semaphore, error) {
	switch {
	case o.Size < 1:
		panic("belayredis: Size < 1")
	case o.Lease < 0:
		panic("belayredis: Lease < 0")
	}
	s := &Semaphore{size: o.Size, leaseSize: min(o.Lease, o.Size/2)}
	s.init(o.Fleet, "held", "holders")
	s.mu.pause = minPause
	if err := ended(ctx); err != nil {
		return nil, err
	}
	err := s.first(ctx, func(ctx context.Context) error {
		s.mu.busy = true
		return s.trip(ctx, true)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Take takes n units, and waits for them. It returns a permit once it has them.
// Otherwise it has taken nothing, and the error is
//
//   - one that Is both ctx.Err() and the context's cause, if ctx is done;
//   - a [*limiter.RefusedError] that is [limiter.ErrTooLarge], at once, if n is more
//     than the size;
//   - one that is [limiter.ErrFull], if Redis was never reached and
//     [Fleet.Unseen] is to refuse.
//
// Within a process, first come is first served. Between processes there is no
// order: the first in line of each asks again, at first after a millisecond and
// then less often, up to 50 ms, and at once when a unit is released here.
//
// A ctx that is done in the middle of a round trip is noticed at its end by the
// call that makes it, which is at most half of [Fleet.Timeout] later.
//
// It panics with "belayredis: n < 0" if n is negative and with "belayredis: Take
// with a nil context" if ctx is nil.
func (s *Semaphore) Take(ctx context.Context, n int64) (limiter.Permit, error) {
	if ctx == nil {
		panic("belayredis: Take with a nil context")
	}
	mustNotBeNegative(n)
	if err := ended(ctx); err != nil {
		return limiter.Permit{}, s.count(err)
	}
	return s.take(ctx, n, false)
}

// TryTake is [Semaphore.Take] without a wait for units: it makes a round trip if
// there are none at hand, and takes no longer than [Fleet.Timeout]. The error is a
// [*limiter.RefusedError]. It panics with "belayredis: n < 0" if n is negative.
func (s *Semaphore) TryTake(n int64) (limiter.Permit, error) {
	mustNotBeNegative(n)
	return s.take(context.Background(), n, true)
}

var errFull = &limiter.RefusedError{Reason: limiter.ErrFull}

func (s *Semaphore) take(ctx context.Context, n int64, once bool) (limiter.Permit, error) {
	switch {
	case n == 0:
		return limiter.Permit{}, nil
	case n > s.size:
		return limiter.Permit{}, s.count(errTooLarge)
	case s.is(Local):
		s.tend()
		if s.members() == 0 && s.is(Local) {
			if s.Unseen == FailOpen {
				return limiter.Permit{}, nil
			}
			return limiter.Permit{}, s.count(&limiter.RefusedError{Reason: limiter.ErrFull, RetryAfter: s.untilNext()})
		}
	}
	s.mu.Lock()
	s.mu.called = true
	if len(s.mu.line) == 0 && s.fitsLocked(n) {
		s.holdLocked(n)
		s.mu.stats.Total += uint64(n)
		s.mu.Unlock()
		return limiter.NewPermit((*holds)(s), n), nil
	}
	if once && (s.is(Local) || s.blockedLocked()) {
		s.mu.Unlock()
		return limiter.Permit{}, s.count(errFull)
	}
	p := &place{n: n, once: once, look: make(chan struct{}, 1), began: time.Now()}
	s.mu.line = append(s.mu.line, p)
	s.mu.Unlock()
	if err := s.await(ctx, p); err != nil {
		return limiter.Permit{}, s.count(err)
	}
	return limiter.NewPermit((*holds)(s), n), nil
}

// holds is the semaphore as what permits are given back to.
type holds Semaphore

// Release gives units back: to the lease, to Redis with the next round trip, or
// to those of this process who live on its share.
func (h *holds) Release(n int64) {
	s := (*Semaphore)(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.used -= n
	if s.is(Local) {
		s.serveLocked()
		return
	}
	s.mu.spare += n
	if s.serveLocked(); s.mu.spare > s.leaseSize {
		s.mu.hurry = true
		if len(s.mu.line) > 0 {
			s.mu.line[0].lookAgain()
		} else {
			s.armLocked(giveBackAfter)
		}
	}
}

// tend has Redis probed, if that is due, by whom finds the limit local.
func (s *Semaphore) tend() {
	if _, probe := s.due(); probe {
		go func() { // ends with its round trip; there is one at a time
			defer s.probed()
			s.mu.Lock()
			if s.mu.busy {
				s.mu.Unlock()
				return
			}
			s.mu.busy = true
			s.mu.Unlock()
			_ = s.trip(context.Background(), true) // fail has kept the error
		}()
	}
}

// count counts a failure, and returns it.
func (s *Semaphore) count(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := errors.AsType[*limiter.RefusedError](err); ok {
		s.mu.stats.Refused++
		if s.is(Local) {
			s.mu.alone++
		}
	} else {
		s.mu.stats.Cancelled++
	}
	return err
}

// Stats returns what this process did and holds; Limit is the whole fleet's. It
// takes constant time, but for a walk along the line of those who wait.
func (s *Semaphore) Stats() belay.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.mu.stats
	stats.Limit, stats.InFlight = s.size, s.mu.used
	for _, p := range s.mu.line {
		if !p.once {
			stats.Waiting++
		}
	}
	return stats
}

// State returns how the limit stands with Redis. It takes constant time, waits for
// nothing, and asks Redis nothing.
func (s *Semaphore) State() State {
	state := s.stand()
	if state.Members > 0 {
		state.Share = float64(s.size / int64(state.Members))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	state.Leased, state.Refused = max(0, s.mu.spare), s.mu.alone
	return state
}

// Size returns how many units the whole fleet may hold at once.
func (s *Semaphore) Size() int64 { return s.size }
