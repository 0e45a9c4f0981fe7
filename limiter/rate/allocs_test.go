//go:build !race

package rate_test

// This file counts allocations where sync.Pool has to keep what it is given,
// which it does not always do under the race detector.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/rate"
)

func TestNothingAllocatesThatNeedNotWait(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	for kind, fresh := range kinds {
		lim, empty, unlimited := fresh(1e9, 1<<30), fresh(0, 0), fresh(rate.Inf, 0)
		for name, call := range map[string]func(){
			"Allow":           func() { lim.Allow() },
			"Allow denied":    func() { empty.Allow() },
			"Allow unlimited": func() { unlimited.Allow() },
			"AllowN":          func() { lim.AllowN(now, 2) },
			"Wait":            func() { _ = lim.Wait(ctx) },
			"Reserve":         func() { _ = lim.Reserve().Delay() },
			"Reserve, Cancel": func() {
				r := lim.ReserveN(now, 3)
				if r.OK() {
					r.CancelAt(now)
				}
			},
			"Take":     func() { p, _ := lim.Take(ctx, 3); p.Settle(2); p.Settle(4); p.Release() },
			"TryTake":  func() { p, _ := lim.TryTake(3); p.Release() },
			"Book":     func() { p, _, _ := lim.Book(3, time.Second); p.Settle(0); p.Release() },
			"TooLarge": func() { _, _ = lim.TryTake(1 << 40); _ = empty.Wait(ctx) },
			"settings": func() { lim.SetLimit(1e9); lim.SetBurst(1 << 30); lim.Stats(); lim.Tokens(); lim.Quota() },
		} {
			require.Zero(t, testing.AllocsPerRun(1000, call), "%s: %s", kind, name)
		}
		mixed := 0
		require.Zero(t, testing.AllocsPerRun(5000, func() {
			if mixed++; mixed%40 == 0 {
				lim.SetLimit(1e9)
			}
			lim.Allow()
		}), "%s: a mix", kind)
	}
}
