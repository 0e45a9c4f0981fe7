package limiter

// This file tries a limit out before it is turned on.

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/internal/ctxerr"
)

// Shadowed is a limit that is only tried out, made by [Shadow]. All methods may
// be called concurrently.
// While it enforces, it orders memory as its limit does; else those whom it lets
// through without a permit are ordered after nobody.
type Shadowed struct {
	limit     Limiter
	enforcing atomic.Bool
	refused   atomic.Uint64
	delayed   atomic.Uint64
}

// Shadow returns the limit as one that decides and counts, and refuses nobody
// and never waits until [Shadowed.Enforce] is called: the way to see on real
// traffic what a limit would do, before it does. Those it would have refused go
// on with a permit that holds nothing, so the limit is used by the others just
// as if they had been refused.
//
// It panics with "limiter: Shadow of a nil limiter" if l is nil.
func Shadow(l Limiter) *Shadowed {
	if l == nil {
		panic("limiter: Shadow of a nil limiter")
	}
	return &Shadowed{limit: l}
}

// Enforce turns the limit on, or to a shadow again. It holds for calls from then
// on: who waits already goes on waiting.
func (s *Shadowed) Enforce(on bool) { s.enforcing.Store(on) }

// Enforcing reports whether the limit is on.
func (s *Shadowed) Enforcing() bool { return s.enforcing.Load() }

// Take takes n units if they are to be had now and goes on without them
// otherwise, at once, with a nil error. The only error is that of a ctx that is
// done already. While [Shadowed.Enforcing], it is the Take of the limit itself.
func (s *Shadowed) Take(ctx context.Context, n int64) (Permit, error) {
	if ctx == nil {
		panic("limiter: Take with a nil context")
	}
	if s.enforcing.Load() {
		p, err := s.limit.Take(ctx, n)
		return p, s.count(err)
	}
	if err := ctxerr.Of(ctx); err != nil {
		return Permit{}, err
	}
	p, err := s.limit.TryTake(n)
	s.spare(err, patience(ctx))
	return p, nil
}

// TryTake takes n units if they are to be had, and goes on without them
// otherwise: it never fails. While [Shadowed.Enforcing], it is the TryTake of the
// limit itself.
func (s *Shadowed) TryTake(n int64) (Permit, error) {
	p, err := s.limit.TryTake(n)
	if s.enforcing.Load() {
		return p, s.count(err)
	}
	if err != nil {
		s.refused.Add(1)
	}
	return p, nil
}

// booker is the limit's own, in the shadow.
func (s *Shadowed) booker(book booker) booker {
	return func(n int64, patience time.Duration) (Permit, time.Duration, error) {
		if s.enforcing.Load() {
			p, wait, err := book(n, patience)
			return p, wait, s.count(err)
		}
		p, _, err := book(n, 0)
		s.spare(err, patience)
		return p, 0, nil
	}
}

// spare counts a call that was let off, by what would have become of it.
func (s *Shadowed) spare(err error, patience time.Duration) {
	if err == nil {
		return
	}
	why, ok := errors.AsType[*RefusedError](err)
	if ok && (why.NoWait || errors.Is(why, ErrTooLarge) || why.RetryAfter > patience) {
		s.refused.Add(1)
	} else {
		s.delayed.Add(1)
	}
}

// count counts a refusal, and returns it.
func (s *Shadowed) count(err error) error {
	if _, ok := errors.AsType[*RefusedError](err); ok {
		s.refused.Add(1)
	}
	return err
}

// Stats returns those of the limit, if it has any, but for two of them: Refused
// counts the calls that were refused or would have been, so it goes on as before
// when the limit is turned on; Waited counts besides those that waited those
// that would have had to, of which nobody knows whether they would have got
// their units before their contexts ended. Those that may not wait, as the limit
// says by [RefusedError].NoWait, are in Refused; but who was let off is in no line,
// and so makes none full.
func (s *Shadowed) Stats() belay.Stats {
	stats := statsOf(s.limit)
	stats.Refused = s.refused.Load()
	stats.Waited += s.delayed.Load()
	return stats
}

// statsOf returns the statistics of a limit, if it has any.
func statsOf(l Limiter) belay.Stats {
	if l, ok := l.(interface{ Stats() belay.Stats }); ok {
		return l.Stats()
	}
	return belay.Stats{}
}
