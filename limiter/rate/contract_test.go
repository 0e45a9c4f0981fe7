package rate_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/leaktest"
	"github.com/belay-go/belay/limiter/rate"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestContract(t *testing.T) {
	lim := rate.NewLimiter(0, 2) // for misuse
	intact := func() error {
		if lim.Tokens() != 2 {
			return errors.New("a misuse changed the limiter")
		}
		return nil
	}
	var none context.Context
	misuse := func(name, text string, do func()) contract.Misuse {
		return contract.Misuse{Name: name, Text: text, Do: do, Intact: intact}
	}
	contract.Run(t, contract.Table{
		Calls: []contract.Call{
			{Name: "Limiter.Wait", Kind: contract.Acquire, Twin: true, KnowsTurn: true, New: func() contract.Subject {
				return empty((*rate.Limiter).Wait)
			}},
			{Name: "Limiter.WaitN", Kind: contract.Acquire, Twin: true, KnowsTurn: true, New: func() contract.Subject {
				return empty(func(lim *rate.Limiter, ctx context.Context) error { return lim.WaitN(ctx, 1) })
			}},
			{Name: "Limiter.Take", Kind: contract.Acquire, KnowsTurn: true, New: func() contract.Subject {
				return empty(func(lim *rate.Limiter, ctx context.Context) error {
					p, err := lim.Take(ctx, 1)
					p.Release()
					return err
				})
			}},
		},
		Misuses: []contract.Misuse{
			misuse("AllowN of less than nothing", "rate: n < 0", func() { lim.AllowN(time.Now(), -1) }),
			misuse("ReserveN of less than nothing", "rate: n < 0", func() { lim.ReserveN(time.Now(), -1) }),
			misuse("WaitN of less than nothing", "rate: n < 0", func() { _ = lim.WaitN(t.Context(), -1) }),
			misuse("Take of less than nothing", "rate: n < 0", func() { _, _ = lim.Take(t.Context(), -1) }),
			misuse("TryTake of less than nothing", "rate: n < 0", func() { _, _ = lim.TryTake(-1) }),
			misuse("Book of less than nothing", "rate: n < 0", func() { _, _, _ = lim.Book(-1, 0) }),
			misuse("Take with a nil context", "rate: Take with a nil context", func() { _, _ = lim.Take(none, 1) }),
			misuse("Wait with a nil context", "rate: Wait with a nil context", func() { _ = lim.Wait(none) }),
		},
	})
}

// empty is a limiter that Block drains and that gains its next token in two
// hours; Free lifts the limit.
func empty(wait func(*rate.Limiter, context.Context) error) contract.Subject {
	lim := rate.NewLimiter(rate.Inf, 1)
	return contract.Subject{
		Do: func(ctx context.Context) error { return wait(lim, ctx) },
		Block: func() {
			lim.SetLimit(rate.Every(2 * time.Hour))
			lim.Allow()
		},
		Free: func() { lim.SetLimit(rate.Inf) },
		// What waiters have taken is owed.
		Taken: func() int { return int(math.Ceil(max(-lim.Tokens(), 0))) },
	}
}
