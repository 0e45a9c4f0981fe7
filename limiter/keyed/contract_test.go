package keyed_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"errors"
	"testing"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/leaktest"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/keyed"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestContract(t *testing.T) {
	rates := keyed.NewRate[string](keyed.RateOptions{Burst: 2})
	places := keyed.NewSemaphore[string](keyed.SemaphoreOptions{Size: 2})
	event, place := rates.For("misuse"), places.For("misuse")
	intact := func() error {
		_, left, _, _ := event.Quota()
		if left != 2 || places.Stats().InFlight != 0 {
			return errors.New("a misuse changed the limits")
		}
		return nil
	}
	var none context.Context
	misuse := func(name, text string, do func()) contract.Misuse {
		return contract.Misuse{Name: name, Text: text, Do: do, Intact: intact}
	}
	const notMade = "keyed: not made by NewRate or NewSemaphore"
	contract.Run(t, contract.Table{
		Calls: []contract.Call{
			{Name: "RateKey.Take", Kind: contract.Acquire, KnowsTurn: true, New: drained},
			{Name: "SemaphoreKey.Take", Kind: contract.Acquire, New: single},
		},
		Misuses: []contract.Misuse{
			misuse("a rate of less than no keys", "keyed: keys < 0", func() { keyed.NewRate[int](keyed.RateOptions{Keys: -1}) }),
			misuse("a semaphore of less than no keys", "keyed: keys < 0", func() { keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: -1}) }),
			misuse("a size below zero", "keyed: size < 0", func() { keyed.NewSemaphore[int](keyed.SemaphoreOptions{Size: -1}) }),
			misuse("less than no tokens", "keyed: n < 0", func() { _, _ = event.TryTake(-1) }),
			misuse("to wait for less than no tokens", "keyed: n < 0", func() { _, _ = event.Take(t.Context(), -1) }),
			misuse("less than no units", "keyed: n < 0", func() { _, _ = place.TryTake(-1) }),
			misuse("to wait for less than no units", "keyed: n < 0", func() { _, _ = place.Take(t.Context(), -1) }),
			misuse("a rate's Take with a nil context", "keyed: Take with a nil context", func() { _, _ = event.Take(none, 1) }),
			misuse("a semaphore's Take with a nil context", "keyed: Take with a nil context", func() { _, _ = place.Take(none, 1) }),
			misuse("the zero Rate", notMade, func() { new(keyed.Rate[int]).For(1) }),
			misuse("the zero Rate's Stats", notMade, func() { new(keyed.Rate[int]).Stats() }),
			misuse("the zero Rate's Overflow", notMade, func() { new(keyed.Rate[int]).Overflow() }),
			misuse("the zero RateKey", notMade, func() { keyed.RateKey{}.Allow() }),
			misuse("the zero Semaphore", notMade, func() { new(keyed.Semaphore[int]).For(1) }),
			misuse("the zero Semaphore's Stats", notMade, func() { new(keyed.Semaphore[int]).Stats() }),
			misuse("the zero SemaphoreKey", notMade, func() { _, _ = keyed.SemaphoreKey{}.TryTake(1) }),
		},
	})
}

// drained is a key that gains a token in two hours, of which Block takes all; Free
// gives some back, after which it is far from full, so that each that is taken
// can come back.
func drained() contract.Subject {
	const burst, some = 1000, 50
	event := keyed.NewRate[int](keyed.RateOptions{Keys: 1, Limit: 1.0 / 7200, Burst: burst}).For(1)
	permits := make(chan limiter.Permit, 100)
	var owed limiter.Permit
	var taken int64
	blocked := false
	return contract.Subject{
		Do: func(ctx context.Context) error {
			p, err := event.Take(ctx, 1)
			if err == nil {
				permits <- p
			}
			return err
		},
		Block: func() {
			if _, left, _, _ := event.Quota(); left > 0 {
				owed, _ = event.TryTake(left)
				taken = max(left, some)
			}
			blocked = true
		},
		Free: func() { owed.Settle(taken - some); owed.Release(); blocked = false },
		Undo: func() { p := <-permits; p.Settle(0); p.Release() },
		Taken: func() int {
			_, left, _, _ := event.Quota()
			if blocked || left > some {
				return 0
			}
			return int(some - left)
		},
	}
}

// single is a key of one unit, which Block holds.
func single() contract.Subject {
	places := keyed.NewSemaphore[int](keyed.SemaphoreOptions{Keys: 1, Size: 1})
	place := places.For(1)
	permits := make(chan limiter.Permit, 100)
	var held limiter.Permit
	blocked := 0
	return contract.Subject{
		Do: func(ctx context.Context) error {
			p, err := place.Take(ctx, 1)
			if err == nil {
				permits <- p
			}
			return err
		},
		Block: func() {
			if p, err := place.TryTake(1); err == nil {
				held, blocked = p, 1
			}
		},
		Free:  func() { held.Release(); blocked = 0 },
		Undo:  func() { (<-permits).Release() },
		Taken: func() int { return int(places.Stats().InFlight) - blocked },
	}
}
