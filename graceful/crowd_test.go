package graceful_test

// What a look costs where there are many goroutines.

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// crowd starts ten thousand goroutines of a component, and as many of nobody's,
// and returns when all of them wait.
func crowd(t testing.TB) (look func() string) {
	never := make(chan struct{})
	const n = 10_000
	var there, foreign atomic.Int64
	look = graceful.Crowd(n, "crowd", func() {
		depth := there.Add(1) % 10
		waitsAt(int(depth), never)
	})
	for i := range n {
		go func() { // ends with the test
			foreign.Add(1)
			waitsAt(i%10, never)
		}()
	}
	t.Cleanup(func() { close(never) })
	for there.Load()+foreign.Load() < 2*n {
		runtime.Gosched()
	}
	return look
}

//go:noinline
func waitsAt(depth int, never <-chan struct{}) {
	if depth > 0 {
		waitsAt(depth-1, never)
		return
	}
	<-never
}

// pauses returns the longest time for which the world was stopped, GC apart,
// since the histogram before.
func pauses(before []uint64) (longest float64, now []uint64) {
	sample := []metrics.Sample{{Name: "/sched/pauses/total/other:seconds"}}
	metrics.Read(sample)
	h := sample[0].Value.Float64Histogram()
	for i, n := range h.Counts {
		if before != nil && n > before[i] {
			longest = h.Buckets[i+1]
		}
	}
	return longest, slices.Clone(h.Counts)
}

func TestALookAtTwentyThousandGoroutinesIsQuick(t *testing.T) {
	look := crowd(t)
	best := time.Hour
	_, stops := pauses(nil)
	for range 3 {
		began := time.Now()
		require.Regexp(t, `^chan receive, 10000 goroutines, graceful_test\.waitsAt \S+crowd_test\.go:\d+$`, look())
		best = min(best, time.Since(began))
	}
	longest, _ := pauses(stops)
	t.Logf("%v for the best look, at most %.0f µs of it with the world stopped", best, longest*1e6)
	// On a quiet machine it is 50 ms, and eight times as much with the race
	// detector; this is for what grows faster than the crowd.
	require.Less(t, best, 10*time.Second)
}

func BenchmarkLook(b *testing.B) {
	look := crowd(b)
	for b.Loop() {
		look()
	}
}
