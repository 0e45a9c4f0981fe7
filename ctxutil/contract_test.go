package ctxutil_test

// This file holds the package against the rules that all packages share.

import (
	"context"
	"testing"
	"time"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/internal/contract"
)

func TestContract(t *testing.T) {
	var none context.Context
	contract.Run(t, contract.Table{
		Calls: []contract.Call{{Name: "Sleep", Kind: contract.Acquire, KnowsTurn: true, New: sleeper}},
		Derives: []contract.Derive{
			{Name: "Shrink", New: func(ctx context.Context) (context.Context, func()) { return ctxutil.Shrink(ctx, time.Hour) }},
			{Name: "ShrinkNamed", New: func(ctx context.Context) (context.Context, func()) {
				return ctxutil.ShrinkNamed(ctx, "lookup", time.Hour)
			}},
		},
		Misuses: []contract.Misuse{
			{Name: "Shrink of nil", Text: "ctxutil: Shrink of a nil context", Do: func() { ctxutil.Shrink(none, 1) }},
			{Name: "Sleep with nil", Text: "ctxutil: Sleep with a nil context", Do: func() { _ = ctxutil.Sleep(none, 1) }},
		},
	})
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
