package ctxutil_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"testing"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestContract(t *testing.T) {
	var none context.Context
	contract.Run(t, contract.Table{
		Calls: []contract.Call{{Name: "Sleep", Kind: contract.Acquire, KnowsTurn: true, New: sleeper}},
		Derives: []contract.Derive{
			{Name: "Shrink", New: func(ctx context.Context) (context.Context, func()) { return ctxutil.Shrink(ctx, time.Hour) }},
			{Name: "ShrinkNamed", New: func(ctx context.Context) (context.Context, func()) {
				return ctxutil.ShrinkNamed(ctx, "lookup", time.Hour)
			}},
			{Name: "Budget", New: func(ctx context.Context) (context.Context, func()) {
				child, cancel, _ := ctxutil.Budget(ctx, time.Second, time.Second)
				return child, cancel
			}},
			{Name: "Merge", New: func(ctx context.Context) (context.Context, func()) { return mergeWith(ctx, false) }},
			{Name: "Merge", New: func(ctx context.Context) (context.Context, func()) { return mergeWith(ctx, true) }},
			// With a grace it lives on after its parent, which is what it is for.
			{Name: "Detach", New: func(ctx context.Context) (context.Context, func()) { return ctxutil.Detach(ctx, 0) }},
		},
		Misuses: []contract.Misuse{
			{Name: "Shrink of nil", Text: "ctxutil: Shrink of a nil context", Do: func() { ctxutil.Shrink(none, 1) }},
			{Name: "Sleep with nil", Text: "ctxutil: Sleep with a nil context", Do: func() { _ = ctxutil.Sleep(none, 1) }},
			{Name: "Budget of nil", Text: "ctxutil: Budget of a nil context", Do: func() { _, _, _ = ctxutil.Budget(none, 0, 0) }},
			{Name: "Merge of nil", Text: "ctxutil: Merge of a nil context", Do: func() { ctxutil.Merge(context.Background(), none) }},
			{Name: "Detach of nil", Text: "ctxutil: Detach of a nil context", Do: func() { ctxutil.Detach(none, 1) }},
			{Name: "Why of nil", Text: "ctxutil: Why of a nil context", Do: func() { ctxutil.Why(none) }},
		},
		Exempt: map[string]string{
			"Why": "says how a context ended and never blocks",
		},
	})
}

// mergeWith merges ctx with one that lives on.
func mergeWith(ctx context.Context, swapped bool) (context.Context, func()) {
	other, stop := context.WithCancel(context.Background())
	if swapped {
		ctx, other = other, ctx
	}
	merged, cancel := ctxutil.Merge(ctx, other)
	return merged, func() {
		cancel()
		stop()
	}
}

// sleeper sleeps for no time while it is free, and for longer than any
// deadline of the suite while it is blocked.
func sleeper() contract.Subject {
	var d time.Duration
	return contract.Subject{
		Do:    func(ctx context.Context) error { return ctxutil.Sleep(ctx, d) },
		Block: func() { d = 2 * time.Hour },
		Free:  func() { d = 0 },
	}
}
