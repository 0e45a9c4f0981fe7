package pool_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"errors"
	"testing"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/leaktest"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/pool"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var _ limiter.Limiter = (*pool.Pool[int])(nil)

func number(context.Context) (int, error) { return 7, nil }

func TestContract(t *testing.T) {
	p := pool.New(pool.Options[int]{Open: number, MaxOpen: 2}) // for misuse: one of two is out
	out, _ := p.Get(t.Context())
	stale, _ := p.Get(t.Context())
	stale.Release()
	intact := func() error {
		h, err := p.Get(t.Context())
		defer h.Release()
		if s := p.Stats(); err != nil || s.Limit != 2 || s.InFlight != 2 || out.Value() != 7 {
			return errors.New("a misuse changed the pool")
		}
		return nil
	}
	var none context.Context
	var zero pool.Pool[int]
	misuse := func(name, text string, do func()) contract.Misuse {
		return contract.Misuse{Name: name, Text: text, Do: do, Intact: intact}
	}
	contract.Run(t, contract.Table{
		Calls: []contract.Call{
			{Name: "Pool.Get", Kind: contract.Acquire, New: single},
			{Name: "Pool.Take", Kind: contract.Acquire, New: singlePlace},
		},
		Misuses: []contract.Misuse{
			misuse("no Open", "pool: no Open", func() { pool.New(pool.Options[int]{MaxOpen: 1}) }),
			misuse("no place", "pool: MaxOpen < 1", func() { pool.New(pool.Options[int]{Open: number}) }),
			misuse("more in reserve than may be", "pool: MinIdle > MaxIdle", func() {
				pool.New(pool.Options[int]{Open: number, MaxOpen: 5, MaxIdle: 1, MinIdle: 2})
			}),
			misuse("Get with a nil context", "pool: Get with a nil context", func() { _, _ = p.Get(none) }),
			misuse("Take with a nil context", "pool: Take with a nil context", func() { _, _ = p.Take(none, 1) }),
			misuse("Tend with a nil context", "pool: Tend with a nil context", func() { _ = p.Tend(none) }),
			misuse("Close with a nil context", "pool: Close with a nil context", func() { _ = p.Close(none) }),
			misuse("Take of less than nothing", "pool: n < 0", func() { _, _ = p.Take(t.Context(), -1) }),
			misuse("TryTake of less than nothing", "pool: n < 0", func() { _, _ = p.TryTake(-1) }),
			misuse("Value of a stale handle", "pool: Value of a released handle", func() { stale.Value() }),
			misuse("Value of the zero handle", "pool: Value of a released handle", func() { pool.Handle[int]{}.Value() }),
			misuse("Detach of a stale handle", "pool: Detach of a released handle", func() { stale.Detach() }),
			misuse("Get of the zero pool", "pool: not made by New", func() { _, _ = zero.Get(t.Context()) }),
			misuse("Take of the zero pool", "pool: not made by New", func() { _, _ = zero.Take(t.Context(), 1) }),
			misuse("Tend of the zero pool", "pool: not made by New", func() { _ = zero.Tend(t.Context()) }),
			misuse("Close of the zero pool", "pool: not made by New", func() { _ = zero.Close(t.Context()) }),
			misuse("Stats of the zero pool", "pool: not made by New", func() { zero.Stats() }),
		},
		Exempt: map[string]string{
			"Pool.Close": "ends the pool, which can't be blocked again: close_test.go",
			"Pool.Tend":  "waits for Open and Check alone, never for another caller: tend_test.go",
		},
	})
}

// single is a pool of one resource, which Block holds.
func single() contract.Subject {
	p := pool.New(pool.Options[int]{Open: number, MaxOpen: 1})
	var blocker, got pool.Handle[int] // guarded by the only resource
	blocked := false
	return contract.Subject{
		Do: func(ctx context.Context) error {
			h, err := p.Get(ctx)
			if err == nil {
				got = h
			}
			return err
		},
		Block: func() { blocker, _ = p.Get(context.Background()); blocked = true },
		Free:  func() { blocked = false; blocker.Release() },
		Undo:  func() { got.Release() },
		Taken: func() int { return taken(p, blocked) },
		Close: func() { _ = p.Close(context.Background()) },
	}
}

func taken(p *pool.Pool[int], blocked bool) int {
	if blocked {
		return int(p.Stats().InFlight) - 1
	}
	return int(p.Stats().InFlight)
}

// singlePlace is a pool of one, taken from by permits.
func singlePlace() contract.Subject {
	p := pool.New(pool.Options[int]{Open: number, MaxOpen: 1, Close: func(int) {}})
	var blocker limiter.Permit
	var permits []limiter.Permit // guarded by the only place
	blocked := false
	return contract.Subject{
		Do: func(ctx context.Context) error {
			permit, err := p.Take(ctx, 1)
			if err == nil {
				permits = append(permits, permit)
			}
			return err
		},
		Block: func() { blocker, _ = p.Take(context.Background(), 1); blocked = true },
		Free:  func() { blocked = false; blocker.Release() },
		Undo: func() {
			last := permits[0]
			permits = permits[1:]
			last.Release()
		},
		Taken: func() int { return taken(p, blocked) },
		Close: func() { _ = p.Close(context.Background()) },
	}
}
