package adaptive_test

// This file counts allocations.

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/adaptive"
)

func TestACallThatNeedNotWaitAllocatesNothing(t *testing.T) {
	l := adaptive.New(adaptive.Options{Min: 2, Max: 2})
	for name, call := range map[string]func(){
		"Take":       func() { p, _ := l.Take(t.Context(), 1); p.Release() },
		"Drop":       func() { p, _ := l.TryTake(1); p.Drop() },
		"Ignore":     func() { p, _ := l.TryTake(1); p.Ignore() },
		"a caller's": func() { p, _ := l.For("client", 1).Take(t.Context(), 2); p.Release() },
		"Acquire":    func() { _ = l.Acquire(t.Context(), 1); l.Release(1) },
		"refused": func() {
			l.TryAcquire(2)
			_, err := l.TryTake(1)
			require.Error(t, err)
			l.Release(2)
		},
	} {
		require.Zero(t, testing.AllocsPerRun(1000, call), name)
	}
}
