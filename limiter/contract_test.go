package limiter_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"testing"
	"time"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/leaktest"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestContract(t *testing.T) {
	var none context.Context
	empty, place := limiter.All(), semaphore.NewWeighted(1)
	contract.Run(t, contract.Table{
		Calls: []contract.Call{
			{Name: "Composite.Take", Kind: contract.Acquire, New: func() contract.Subject {
				s := semaphore.NewWeighted(1)
				return subject(s, func(limits ...limiter.Limiter) limiter.Limiter { return limiter.All(limits...) })
			}},
			{Name: "Composite.TakeEach", Kind: contract.Acquire, KnowsTurn: true, New: paced},
			{Name: "Shadowed.Take", Kind: contract.Acquire, New: func() contract.Subject {
				s := semaphore.NewWeighted(1)
				return subject(s, func(limits ...limiter.Limiter) limiter.Limiter {
					shadow := limiter.Shadow(limits[0])
					shadow.Enforce(true)
					return shadow
				})
			}},
			{Name: "Watched.Take", Kind: contract.Acquire, New: func() contract.Subject {
				s := semaphore.NewWeighted(1)
				return subject(s, func(limits ...limiter.Limiter) limiter.Limiter {
					watched := limiter.Watch(limits[0])
					watched.Track(true)
					return watched
				})
			}},
		},
		Misuses: []contract.Misuse{
			{Name: "All with nil", Text: "limiter: All with a nil limiter", Do: func() { limiter.All(empty, nil) }},
			{Name: "a composition inside Watch", Text: "limiter: All with a composition inside Shadow or Watch", Do: func() { limiter.All(limiter.Watch(empty)) }},
			{Name: "a limit and its shadow", Text: "limiter: All with one limit in several guises", Do: func() { limiter.All(place, limiter.Shadow(place)) }},
			{Name: "Shadow of nil", Text: "limiter: Shadow of a nil limiter", Do: func() { limiter.Shadow(nil) }},
			{Name: "Watch of nil", Text: "limiter: Watch of a nil limiter", Do: func() { limiter.Watch(nil) }},
			{Name: "Take with a nil context", Text: "limiter: Take with a nil context", Do: func() { _, _ = empty.Take(none, 1) }},
			{Name: "a shadow's Take with a nil context", Text: "limiter: Take with a nil context", Do: func() { _, _ = limiter.Shadow(empty).Take(none, 1) }},
			{Name: "less than nothing", Text: "limiter: n < 0", Do: func() { _, _ = empty.Take(t.Context(), -1) }},
			{Name: "less than nothing at once", Text: "limiter: n < 0", Do: func() { _, _ = empty.TryTake(-1) }},
			{Name: "less than nothing of one", Text: "limiter: n < 0", Do: func() { _, _ = limiter.All(empty).TryTakeEach(-1) }},
			{Name: "a cost too few", Text: "limiter: one cost for each limit", Do: func() { _, _ = limiter.All(empty).TryTakeEach() }},
		},
		Exempt: map[string]string{"Limiter.Take": "is what others implement"},
	})
}

// subject is a limit on a semaphore of one, which Block holds.
func subject(s *semaphore.Weighted, on func(...limiter.Limiter) limiter.Limiter) contract.Subject {
	l := on(s)
	blocked := false
	permits := make(chan limiter.Permit, 100)
	return contract.Subject{
		Do: func(ctx context.Context) error {
			p, err := l.Take(ctx, 1)
			if err == nil {
				permits <- p
			}
			return err
		},
		Block: func() { blocked = s.TryAcquire(1) },
		Free:  func() { blocked = false; s.Release(1) },
		Undo:  func() { (<-permits).Release() },
		Taken: func() int {
			if blocked {
				return int(s.Stats().InFlight) - 1
			}
			return int(s.Stats().InFlight)
		},
	}
}

// paced is a composition of a rate and a place, where Block owes an hour to the rate.
func paced() contract.Subject {
	events := rate.NewLimiter(rate.Every(time.Hour), 1)
	places := semaphore.NewWeighted(5)
	all := limiter.All(events, places)
	permits := make(chan limiter.Permit, 100)
	var owed limiter.Permit
	return contract.Subject{
		Do: func(ctx context.Context) error {
			p, err := all.TakeEach(ctx, 1, 1)
			if err == nil {
				permits <- p
			}
			return err
		},
		Block: func() { owed, _ = events.TryTake(1) },
		Free:  func() { owed.Settle(0); owed.Release() },
		Undo:  func() { p := <-permits; p.Settle(0); p.Release() },
		Taken: func() int { return int(places.Stats().InFlight) },
	}
}
