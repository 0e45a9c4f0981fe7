package errgroup_test

// This file tests that a group leaves nothing: no goroutine, no closure.

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/errgroup"
)

func TestNothingIsLeftWhenWaitIsNeverCalled(t *testing.T) {
	endings := map[string]func(ctx context.Context, i int) error{
		"tasks succeed":    func(context.Context, int) error { return nil },
		"tasks fail":       func(_ context.Context, i int) error { return fmt.Errorf("task %d", i) },
		"tasks Goexit":     func(context.Context, int) error { runtime.Goexit(); return nil },
		"tasks are slow":   func(context.Context, int) error { time.Sleep(time.Hour); return nil },
		"the context ends": func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() },
	}
	for name, task := range endings {
		for _, limit := range []int{1, 3, -1} {
			t.Run(fmt.Sprintf("%s, limit %d", name, limit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					before := runtime.NumGoroutine()
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					g, ctx := errgroup.WithContext(ctx)
					g.SetLimit(limit)
					for i := range 20 {
						g.Go(func() error { return task(ctx, i) })
					}
					time.Sleep(20 * time.Hour)
					synctest.Wait()
					cancel()
					for range 1_000_000 { // a goroutine is counted until a little after its bubble lost it
						if runtime.NumGoroutine() <= before {
							break
						}
						runtime.Gosched()
					}
					require.LessOrEqual(t, runtime.NumGoroutine(), before)
				})
			})
		}
	}
}

func TestNoMoreGoroutinesRunThanTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 8
		before := runtime.NumGoroutine()
		var most atomic.Int64
		var g errgroup.Group
		g.SetLimit(limit)
		for range 3000 {
			g.Go(func() error {
				n := int64(runtime.NumGoroutine() - before)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				return nil
			})
		}
		require.NoError(t, g.Wait())
		// A worker that has given back its slot may not have ended yet.
		require.LessOrEqual(t, most.Load(), int64(2*limit))
	})
}

// big is large enough for an allocation of its own.
type big [1 << 20]byte

func TestAFinishedTasksClosureIsNotKept(t *testing.T) {
	var g errgroup.Group
	g.SetLimit(2)
	stop := make(chan struct{})
	g.Go(func() error { <-stop; return nil }) // the group never comes to rest meanwhile
	var gone atomic.Int64
	const tasks = 10
	for range tasks {
		b := new(big)
		runtime.AddCleanup(b, func(int) { gone.Add(1) }, 0)
		g.Go(func() error { b[0]++; return nil })
	}
	g.Go(nothing)
	require.Eventually(t, func() bool { runtime.GC(); return gone.Load() == tasks }, 10*time.Second, time.Millisecond)
	close(stop)
	require.NoError(t, g.Wait())
}

func TestAFreshGoroutineRunsEachTaskWhereAsked(t *testing.T) {
	ids := func(g *errgroup.Group) map[string]bool {
		g.SetLimit(1)
		seen := map[string]bool{}
		for range 200 {
			g.Go(func() error { seen[goroutineID()] = true; return nil })
		}
		require.NoError(t, g.Wait())
		return seen
	}
	g, _ := errgroup.New(t.Context(), errgroup.Options{FreshGoroutines: true})
	require.Len(t, ids(g), 200)
	require.Less(t, len(ids(new(errgroup.Group))), 200, "workers of a group with a limit are reused")
}

// goroutineID is the number that a traceback of the calling goroutine begins with.
func goroutineID() string {
	buf := make([]byte, 64)
	var id int
	_, _ = fmt.Sscanf(string(buf[:runtime.Stack(buf, false)]), "goroutine %d ", &id)
	return fmt.Sprint(id)
}
