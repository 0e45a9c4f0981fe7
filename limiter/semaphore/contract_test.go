package semaphore_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"errors"
	"testing"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/leaktest"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestContract(t *testing.T) {
	s := semaphore.NewWeighted(2) // for misuse: one of two is held
	s.TryAcquire(1)
	intact := func() error {
		if stats := s.Stats(); stats.Limit != 2 || stats.InFlight != 1 || !s.TryAcquire(1) {
			return errors.New("a misuse changed the semaphore")
		}
		s.Release(1)
		return nil
	}
	var none context.Context
	misuse := func(name, text string, do func()) contract.Misuse {
		return contract.Misuse{Name: name, Text: text, Do: do, Intact: intact}
	}
	contract.Run(t, contract.Table{
		Calls: []contract.Call{
			{Name: "Weighted.Acquire", Kind: contract.Acquire, Twin: true, New: single},
			{Name: "Weighted.Take", Kind: contract.Acquire, New: singlePermit},
		},
		Misuses: []contract.Misuse{
			misuse("a size below zero", "semaphore: size < 0", func() { semaphore.NewWeighted(-1) }),
			misuse("Acquire of less than nothing", "semaphore: n < 0", func() { _ = s.Acquire(t.Context(), -1) }),
			misuse("TryAcquire of less than nothing", "semaphore: n < 0", func() { s.TryAcquire(-1) }),
			misuse("Release of less than nothing", "semaphore: n < 0", func() { s.Release(-1) }),
			misuse("Release of more than is held", "semaphore: released more than held", func() { s.Release(2) }),
			misuse("a new size below zero", "semaphore: size < 0", func() { s.Resize(-1) }),
			misuse("TryAcquireUpTo less than nothing", "semaphore: n < 0", func() { s.TryAcquireUpTo(-1) }),
			misuse("Take of less than nothing", "semaphore: n < 0", func() { _, _ = s.Take(t.Context(), -1) }),
			misuse("TryTake of less than nothing", "semaphore: n < 0", func() { _, _ = s.TryTake(-1) }),
			misuse("Take with a nil context", "semaphore: Take with a nil context", func() { _, _ = s.Take(none, 1) }),
			misuse("Acquire with a nil context", "semaphore: Acquire with a nil context", func() { _ = s.Acquire(none, 1) }),
		},
	})
}

func single() contract.Subject { return subjectOf(semaphore.NewWeighted(1)) }

// subjectOf is a semaphore of one unit, which Block holds.
func subjectOf(s *semaphore.Weighted) contract.Subject {
	blocked := false
	return contract.Subject{
		Do:    func(ctx context.Context) error { return s.Acquire(ctx, 1) },
		Block: func() { blocked = s.TryAcquire(1) },
		Free:  func() { blocked = false; s.Release(1) },
		Undo:  func() { s.Release(1) },
		Taken: func() int {
			if blocked {
				return int(s.Stats().InFlight) - 1
			}
			return int(s.Stats().InFlight)
		},
	}
}

// singlePermit is single, taken from by permits.
func singlePermit() contract.Subject {
	s := semaphore.NewWeighted(1)
	subject := subjectOf(s)
	var permits []limiter.Permit // guarded by the semaphore's only unit
	subject.Do = func(ctx context.Context) error {
		p, err := s.Take(ctx, 1)
		if err == nil {
			permits = append(permits, p)
		}
		return err
	}
	subject.Undo = func() {
		p := permits[0]
		permits = permits[1:]
		p.Release()
	}
	return subject
}
