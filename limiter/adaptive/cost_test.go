//go:build !race

package adaptive_test

// This file counts allocations of what is called often and grants nothing, where
// sync.Pool keeps what it is given.

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/adaptive"
)

func TestToRefuseAndToTellAllocatesNothing(t *testing.T) {
	l := fixed(1, adaptive.Options{Queue: -1})
	done, cancel := context.WithCancel(t.Context())
	cancel()
	caller := l.For("someone", 3)
	require.True(t, l.TryAcquire(1))
	for name, call := range map[string]func(){
		"TryTake":        func() { _, _ = l.TryTake(1) },
		"TryAcquire":     func() { l.TryAcquire(1) },
		"Caller.TryTake": func() { _, _ = caller.TryTake(1) },
		"For":            func() { _, _ = l.For("another", 4).TryTake(1) },
		"too large":      func() { _, _ = l.TryTake(2); _ = l.Acquire(t.Context(), 2) },
		"no line":        func() { _, _ = l.Take(t.Context(), 1); _, _ = caller.Take(t.Context(), 1) },
		"a done context": func() { _ = l.Acquire(done, 1); _, _ = l.Take(done, 1) },
		"Stats, State":   func() { l.Stats(); l.State(); l.Quota(); l.Rank() },
		"SetMax":         func() { l.SetMax(1) },
	} {
		require.Zero(t, testing.AllocsPerRun(1000, call), name)
	}
	l.Release(1)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p, _ := caller.TryTake(1)
		p.Settle(0)
		p.Drop()
	}), "granted, settled, ended")
}
