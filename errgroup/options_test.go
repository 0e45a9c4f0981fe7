package errgroup_test

// This file tests what a group made by New can be asked for.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

var errWhy = errors.New("the disk is full")

func TestTasksThatComeTooLateAreSkippedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancelCause(t.Context())
		g, _ := errgroup.New(parent, errgroup.Options{Name: "fetch", Limit: 1, SkipDone: true})
		gate := make(chan struct{})
		g.Go(func() error { <-gate; return nil })
		for range 3 {
			go g.Go(func() error { t.Error("a task ran too late"); return nil })
		}
		synctest.Wait()
		cancel(errWhy)
		close(gate)
		err := g.Wait()
		require.EqualError(t, err, "errgroup: fetch: 3 tasks skipped: context canceled: the disk is full")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errWhy)
		require.EqualValues(t, 3, g.Stats().Skipped)
		require.EqualValues(t, 4, g.Stats().Total)
	})
}

func TestAnErrorBeatsTheTasksThatItMadeSkip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: 1, SkipDone: true})
		g.Go(func() error { return errWhy })
		synctest.Wait()
		g.Go(nothing)
		require.Equal(t, errWhy, g.Wait())
		require.EqualValues(t, 1, g.Stats().Skipped)
	})
}

func TestASkipByADeadlineIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		g, _ := errgroup.New(ctx, errgroup.Options{Limit: 1, SkipDone: true})
		time.Sleep(time.Hour)
		g.Go(nothing)
		err := g.Wait()
		var timeout interface{ Timeout() bool }
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "errgroup: 1 task skipped: context deadline exceeded")
	})
}

func TestAsManyErrorsAreKeptAsWereAskedFor(t *testing.T) {
	fails := func(keep, tasks int) error {
		g, ctx := errgroup.New(t.Context(), errgroup.Options{Limit: 1, Errors: keep})
		for i := range tasks {
			g.Go(func() error { return fmt.Errorf("task %d: %w", i, errWhy) })
		}
		err := g.Wait()
		require.EqualError(t, context.Cause(ctx), "task 0: the disk is full")
		require.EqualValues(t, tasks, g.Stats().Failed)
		return err
	}
	require.EqualError(t, fails(0, 5), "task 0: the disk is full")
	require.EqualError(t, fails(-1, 1), "task 0: the disk is full")
	require.EqualError(t, fails(1, 3), "task 0: the disk is full\nand 2 more errors")
	require.EqualError(t, fails(2, 3), "task 0: the disk is full\ntask 1: the disk is full\nand 1 more error")
	require.EqualError(t, fails(-1, 3), "task 0: the disk is full\ntask 1: the disk is full\ntask 2: the disk is full")

	err := fails(2, 100)
	require.Len(t, unjoin(err), 2)
	require.ErrorIs(t, err, errWhy)
	require.True(t, strings.HasSuffix(err.Error(), "\nand 98 more errors"))
}

// unjoin returns the errors that err joins.
func unjoin(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	return joined.Unwrap()
}

// explode is here to be found in a stack.
func explode(v any) error { panic(v) }

func TestAPanicBecomesTheErrorOfItsTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []*belay.PanicError
		var g *errgroup.Group
		var ctx context.Context
		g, ctx = errgroup.New(t.Context(), errgroup.Options{Limit: 2, PanicsAsErrors: true, OnPanic: func(e *belay.PanicError) {
			require.Error(t, ctx.Err(), "the context ends before the hook is called")
			seen = append(seen, e)
		}})
		g.Go(func() error { <-ctx.Done(); return ctx.Err() }) // would never end if the panic waited for Wait
		g.Go(func() error { return explode(errWhy) })
		synctest.Wait()
		err := g.Wait()
		var panicked *belay.PanicError
		require.ErrorAs(t, err, &panicked)
		require.Same(t, panicked, err)
		require.Equal(t, error(panicked), context.Cause(ctx))
		require.ErrorIs(t, err, errWhy)
		require.Contains(t, string(panicked.Stack), "errgroup_test.explode")
		require.Equal(t, []*belay.PanicError{panicked}, seen)
		require.EqualValues(t, 1, g.Stats().Panicked)
	})
}

func TestPanicsCostNoSlotNoWorkerAndNoBlockedGo(t *testing.T) {
	g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: 1, PanicsAsErrors: true, Errors: -1, OnPanic: func(*belay.PanicError) {}})
	ran := 0 // guarded by the limit
	for i := range 300 {
		g.Go(func() error {
			ran++
			switch i % 3 {
			case 0:
				return explode(i)
			case 1:
				runtime.Goexit()
			}
			return nil
		})
	}
	require.Len(t, unjoin(g.Wait()), 200)
	require.Equal(t, 300, ran)
	s := g.Stats()
	require.EqualValues(t, []uint64{300, 200, 100}, []uint64{s.Total, s.Failed, s.Panicked})
	require.Zero(t, s.InFlight)
}

func TestAPanicOfAGroupWithinIsNotWrappedAgain(t *testing.T) {
	o := errgroup.Options{PanicsAsErrors: true, OnPanic: func(*belay.PanicError) {}}
	outer, _ := errgroup.New(t.Context(), o)
	outer.Go(func() error {
		inner, _ := errgroup.New(t.Context(), o)
		inner.Go(func() error { return explode("why") })
		panic(inner.Wait())
	})
	var panicked *belay.PanicError
	require.ErrorAs(t, outer.Wait(), &panicked)
	require.Equal(t, "why", panicked.Value)
	require.Contains(t, string(panicked.Stack), "errgroup_test.explode")
}

func TestAHookThatGoesAwayLosesNothing(t *testing.T) {
	g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: 1, PanicsAsErrors: true, Errors: -1, OnPanic: func(*belay.PanicError) { runtime.Goexit() }})
	g.Go(func() error { return explode("why") })
	g.Go(nothing)
	err := g.Wait()
	require.ErrorIs(t, err, belay.ErrGoexit)
	var panicked *belay.PanicError
	require.ErrorAs(t, err, &panicked)
}

func TestAPanicIsPrintedWhereNoHookTakesIt(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	stderr := os.Stderr
	os.Stderr = write
	g, _ := errgroup.New(t.Context(), errgroup.Options{Name: "fetch", PanicsAsErrors: true})
	g.Go(func() error { return explode("why") })
	require.Error(t, g.Wait())
	os.Stderr = stderr
	require.NoError(t, write.Close())
	out, err := io.ReadAll(read)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(out), "errgroup: fetch: panic: why\n\ngoroutine "), string(out))
	require.Contains(t, string(out), "errgroup_test.explode")
}

func TestGroupsShareOneLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := semaphore.NewWeighted(3)
		var running, most atomic.Int64
		var groups []*errgroup.Group
		var all sync.WaitGroup
		for range 3 {
			g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: 2, Shared: shared})
			groups = append(groups, g)
			all.Go(func() {
				for i := range 50 {
					task := func() error {
						n := running.Add(1)
						for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
						}
						time.Sleep(time.Second)
						running.Add(-1)
						if i%7 == 0 {
							runtime.Goexit()
						}
						return nil
					}
					if i%2 == 0 {
						g.Go(task)
					} else if err := g.GoContext(t.Context(), func(context.Context) error { return task() }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		for _, g := range groups {
			_ = g.Wait() // some tasks call Goexit
			require.EqualValues(t, 50, g.Stats().Total+g.Stats().Skipped)
		}
		require.EqualValues(t, 3, most.Load())
		require.True(t, shared.TryAcquire(3), "a unit was not given back")
	})
}

func TestAGroupThatGetsNothingOfTheSharedLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := semaphore.NewWeighted(1)
		require.True(t, shared.TryAcquire(1))
		parent, cancel := context.WithCancelCause(t.Context())
		g, _ := errgroup.New(parent, errgroup.Options{Limit: 2, Shared: shared})
		require.False(t, g.TryGo(nothing))
		returned := false
		go func() { g.Go(nothing); returned = true }()
		synctest.Wait()
		require.False(t, returned)
		require.EqualValues(t, 1, g.Stats().InFlight)

		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		require.Equal(t, context.DeadlineExceeded, g.GoContext(ctx, func(context.Context) error { return nil }))

		cancel(errWhy)
		synctest.Wait()
		require.True(t, returned)
		require.EqualError(t, g.Wait(), "errgroup: 1 task skipped: context canceled: the disk is full")
		require.Zero(t, g.Stats().InFlight)
	})
}

type brokenLimit struct{ *semaphore.Weighted }

func (brokenLimit) Acquire(context.Context, int64) error { return errWhy }

func TestAnErrorOfTheSharedLimitIsTheTasks(t *testing.T) {
	g, _ := errgroup.New(t.Context(), errgroup.Options{Shared: brokenLimit{semaphore.NewWeighted(1)}})
	g.Go(func() error { t.Error("ran without a unit"); return nil })
	require.Equal(t, errWhy, g.GoContext(t.Context(), func(context.Context) error { return nil }))
	require.Equal(t, errWhy, g.Wait())
}

func TestResizeWhileTasksRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: 2})
		running := 0
		var mu sync.Mutex
		gate := make(chan struct{})
		for range 10 {
			go g.Go(func() error {
				mu.Lock()
				running++
				mu.Unlock()
				<-gate
				mu.Lock()
				running--
				mu.Unlock()
				return nil
			})
		}
		is := func(n int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			require.Equal(t, n, running)
		}
		is(2)
		g.Resize(5)
		is(5)
		g.Resize(1)
		is(5)
		for range 4 {
			gate <- struct{}{}
		}
		is(1)
		gate <- struct{}{} // the next one starts only now
		is(1)
		g.Resize(0)
		gate <- struct{}{}
		is(0)
		require.EqualValues(t, 4, g.Stats().Waiting)
		g.Resize(-1)
		is(4)
		require.EqualValues(t, -1, g.Stats().Limit)
		close(gate)
		require.NoError(t, g.Wait())
	})
}

func TestEachGoroutineOfTheGroupBeginsWithTheWorkersFunc(t *testing.T) {
	var mu sync.Mutex
	began := map[string]bool{}
	ctx := context.WithValue(t.Context(), errWhy, "label")
	g, _ := errgroup.New(ctx, errgroup.Options{Limit: 3, Worker: func(ctx context.Context) {
		require.Equal(t, "label", ctx.Value(errWhy))
		mu.Lock()
		defer mu.Unlock()
		id := goroutineID()
		require.False(t, began[id], "called twice")
		began[id] = true
	}})
	for range 200 {
		g.Go(func() error {
			mu.Lock()
			defer mu.Unlock()
			require.True(t, began[goroutineID()], "not called before the first task")
			return nil
		})
	}
	require.NoError(t, g.Wait())
}

func TestTheOptionsHoldForTheLoopsToo(t *testing.T) {
	quiet := func(*belay.PanicError) {}
	one := func(yield func(int) bool) { yield(1) }
	o := errgroup.Options{Limit: 2, PanicsAsErrors: true, OnPanic: quiet}
	var panicked *belay.PanicError
	require.ErrorAs(t, errgroup.ForEach(t.Context(), o, one, func(context.Context, int) error { return explode("why") }), &panicked)
	_, err := errgroup.Map(t.Context(), o, []int{1, 2, 3}, func(context.Context, int) (int, error) { return 0, explode("why") })
	require.ErrorAs(t, err, &panicked)
	for _, err := range errgroup.Stream(t.Context(), o, one, func(context.Context, int) (int, error) { return 0, explode("why") }) {
		require.ErrorAs(t, err, &panicked)
	}
	answer, err := errgroup.First(t.Context(), o,
		func(context.Context) (int, error) { return 0, explode("why") },
		func(context.Context) (int, error) { return 7, nil })
	require.NoError(t, err, "a panic is the failure of its func alone")
	require.Equal(t, 7, answer)

	shared := semaphore.NewWeighted(1)
	items, running := []int{1, 2, 3, 4, 5}, 0 // running is guarded by the shared limit
	f := func(context.Context, int) error {
		running++
		defer func() { running-- }()
		if running != 1 {
			return errors.New("the shared limit was exceeded")
		}
		runtime.Gosched()
		return nil
	}
	o = errgroup.Options{Limit: 3, Shared: shared, SkipDone: true, Track: true}
	require.NoError(t, errgroup.ForEach(t.Context(), o, slices.Values(items), f))
	_, err = errgroup.Map(t.Context(), o, items, func(ctx context.Context, i int) (int, error) { return i, f(ctx, i) })
	require.NoError(t, err)
	require.True(t, shared.TryAcquire(1), "a unit was not given back")
}

func TestATraceShowsTheTasksOfAGroupByItsName(t *testing.T) {
	run := func(name string) {
		g, ctx := errgroup.New(t.Context(), errgroup.Options{Name: name, Limit: 1})
		g.Go(nothing)
		require.NoError(t, g.GoContext(ctx, func(context.Context) error { return nil }))
		require.NoError(t, g.Wait())
	}
	var taken bytes.Buffer
	run("not-traced-yet")
	require.NoError(t, trace.Start(&taken))
	run("seen-in-the-trace")
	trace.Stop()
	require.Contains(t, taken.String(), "seen-in-the-trace")
	require.NotContains(t, taken.String(), "not-traced-yet")
}
