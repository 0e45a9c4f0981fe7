package adaptive_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"errors"
	"testing"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

func TestContract(t *testing.T) {
	l := adaptive.New(adaptive.Options{Max: 2}) // for misuse: one of two is taken
	l.TryAcquire(1)
	intact := func() error {
		if stats := l.Stats(); stats.Limit != 2 || stats.InFlight != 1 || !l.TryAcquire(1) {
			return errors.New("a misuse changed the limiter")
		}
		l.Release(1)
		return nil
	}
	var none context.Context
	misuse := func(name, text string, do func()) contract.Misuse {
		return contract.Misuse{Name: name, Text: text, Do: do, Intact: intact}
	}
	zero := func(do func(*adaptive.Limiter)) func() { return func() { do(new(adaptive.Limiter)) } }
	contract.Run(t, contract.Table{
		Calls: []contract.Call{
			{Name: "Limiter.Acquire", Kind: contract.Acquire, Twin: true, New: single},
			{Name: "Limiter.Take", Kind: contract.Acquire, New: func() contract.Subject {
				l := one()
				return taking(l, l)
			}},
			{Name: "Caller.Take", Kind: contract.Acquire, New: func() contract.Subject {
				l := one()
				return taking(l, l.For("one of many", 7))
			}},
		},
		Misuses: []contract.Misuse{
			misuse("Min above Max", "adaptive: Min > Max", func() { adaptive.New(adaptive.Options{Min: 3, Max: 2}) }),
			misuse("Min below zero", "adaptive: negative Min, Max or Initial", func() { adaptive.New(adaptive.Options{Min: -1}) }),
			misuse("Max below zero", "adaptive: negative Min, Max or Initial", func() { adaptive.New(adaptive.Options{Max: -1}) }),
			misuse("Initial below zero", "adaptive: negative Min, Max or Initial", func() { adaptive.New(adaptive.Options{Initial: -1}) }),
			misuse("SetMax to nothing", "adaptive: Max < 1", func() { l.SetMax(0) }),
			misuse("Acquire of less than nothing", "adaptive: n < 0", func() { _ = l.Acquire(t.Context(), -1) }),
			misuse("TryAcquire of less than nothing", "adaptive: n < 0", func() { l.TryAcquire(-1) }),
			misuse("Release of less than nothing", "adaptive: n < 0", func() { l.Release(-1) }),
			misuse("Release of more than is held", "adaptive: released more than held", func() { l.Release(2) }),
			misuse("Take of less than nothing", "adaptive: n < 0", func() { _, _ = l.Take(t.Context(), -1) }),
			misuse("TryTake of less than nothing", "adaptive: n < 0", func() { _, _ = l.TryTake(-1) }),
			misuse("Take with a nil context", "adaptive: Take with a nil context", func() { _, _ = l.Take(none, 1) }),
			misuse("Acquire with a nil context", "adaptive: Acquire with a nil context", func() { _ = l.Acquire(none, 1) }),
			misuse("Take from a zero Limiter", "adaptive: use New", zero(func(l *adaptive.Limiter) { _, _ = l.Take(t.Context(), 1) })),
			misuse("TryTake from a zero Limiter", "adaptive: use New", zero(func(l *adaptive.Limiter) { _, _ = l.TryTake(1) })),
			misuse("Acquire from a zero Limiter", "adaptive: use New", zero(func(l *adaptive.Limiter) { _ = l.Acquire(t.Context(), 1) })),
			misuse("TryAcquire from a zero Limiter", "adaptive: use New", zero(func(l *adaptive.Limiter) { l.TryAcquire(1) })),
		},
	})
}

// one is a limiter of one unit, for which calls wait as long as they like.
func one() *adaptive.Limiter { return adaptive.New(adaptive.Options{Max: 1, Wait: -1}) }

func single() contract.Subject { return subjectOf(one()) }

// subjectOf is a limiter of one unit, which Block holds.
func subjectOf(l *adaptive.Limiter) contract.Subject {
	blocked := false
	return contract.Subject{
		Do:    func(ctx context.Context) error { return l.Acquire(ctx, 1) },
		Block: func() { blocked = l.TryAcquire(1) },
		Free:  func() { blocked = false; l.Release(1) },
		Undo:  func() { l.Release(1) },
		Taken: func() int {
			if blocked {
				return int(l.Stats().InFlight) - 1
			}
			return int(l.Stats().InFlight)
		},
	}
}

// taking is subjectOf, with permits.
func taking(l *adaptive.Limiter, from limiter.Limiter) contract.Subject {
	subject := subjectOf(l)
	var permits []limiter.Permit // guarded by the limiter's only unit
	subject.Do = func(ctx context.Context) error {
		p, err := from.Take(ctx, 1)
		if err == nil {
			permits = append(permits, p)
		}
		return err
	}
	subject.Undo = func() {
		p := permits[len(permits)-1]
		permits = permits[:len(permits)-1]
		p.Release()
	}
	return subject
}
