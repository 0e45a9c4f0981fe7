package errgroup_test

// This file tests what a group promises of limits, order, errors and contexts.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

var errTask = errors.New("task failed")

func nothing() error { return nil }

func TestTasksThatNeedEachOtherUpToTheLimitAllRun(t *testing.T) {
	for _, limit := range []int{1, 2, 7, 64, 300} {
		var g errgroup.Group
		g.SetLimit(limit)
		for range 3 {
			var meeting sync.WaitGroup
			meeting.Add(limit)
			for range limit {
				g.Go(func() error {
					meeting.Done()
					meeting.Wait()
					return nil
				})
			}
			require.NoError(t, g.Wait())
		}
	}
}

func TestTasksThatNeedEachOtherAllRunAfterALoadThatStallsTheWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2, 8} {
		for _, limit := range []int{1, 2, 7, 64, 300} {
			t.Run(fmt.Sprintf("%d processors, limit %d", procs, limit), func(t *testing.T) {
				runtime.GOMAXPROCS(procs)
				var g errgroup.Group
				g.SetLimit(limit)
				for round := range 3 {
					stall(&g, 2*limit+60)
					if round == 1 { // else they meet while some of the load still runs
						require.NoError(t, g.Wait())
					}
					meet(t, &g, limit)
				}
				require.NoError(t, g.Wait())
			})
		}
	}
}

// stall has a few producers feed long tasks to the group. A worker that has
// woken a Go keeps the processor on which that would run: the queue runs dry,
// and the workers are handed over from then on.
func stall(g *errgroup.Group, tasks int) {
	var producers sync.WaitGroup
	for range 3 {
		producers.Go(func() {
			for range tasks / 3 {
				g.Go(func() error {
					var n atomic.Int64
					for n.Add(1) < 2000 {
					}
					return nil
				})
			}
		})
	}
	producers.Wait()
}

// meet starts as many tasks as the limit allows, each of which ends only when
// all have come, from Go and GoContext in turn.
func meet(t *testing.T, g *errgroup.Group, limit int) {
	var meeting sync.WaitGroup
	meeting.Add(limit)
	task := func() error { meeting.Done(); meeting.Wait(); return nil }
	for i := range limit {
		if i%2 == 0 {
			g.Go(task)
		} else {
			require.NoError(t, g.GoContext(t.Context(), func(context.Context) error { return task() }))
		}
	}
	meeting.Wait()
}

func TestTasksOfRandomLengthThatMeetNeverStarve(t *testing.T) {
	const limit = 8
	var g errgroup.Group
	g.SetLimit(limit)
	for round := range 2000 {
		var meeting sync.WaitGroup
		meeting.Add(limit)
		for i := range limit {
			g.Go(func() error {
				for range (round * i) % 5 {
					runtime.Gosched()
				}
				meeting.Done()
				meeting.Wait()
				return nil
			})
		}
	}
	require.NoError(t, g.Wait())
}

func TestGoBlocksBeyondTheLimitEvenBeforeAnyTaskHasStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		g.SetLimit(3)
		gate := make(chan struct{})
		for range 3 {
			g.Go(func() error { <-gate; return nil })
		}
		require.False(t, g.TryGo(nothing))
		var returned atomic.Bool
		go func() {
			g.Go(nothing)
			returned.Store(true)
		}()
		synctest.Wait()
		require.False(t, returned.Load(), "Go took a fourth task at limit 3")
		gate <- struct{}{}
		synctest.Wait()
		require.True(t, returned.Load(), "a slot is free and Go still blocks")
		close(gate)
		require.NoError(t, g.Wait())
	})
}

func TestNeverMoreTasksRunThanTheLimitAllows(t *testing.T) {
	for _, limit := range []int{1, 2, 5} {
		var g errgroup.Group
		g.SetLimit(limit)
		var running, most atomic.Int64
		var producers sync.WaitGroup
		for range 4 {
			producers.Go(func() {
				for range 2000 {
					g.Go(func() error {
						n := running.Add(1)
						for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
						}
						running.Add(-1)
						return nil
					})
				}
			})
		}
		producers.Wait()
		require.NoError(t, g.Wait())
		require.LessOrEqual(t, most.Load(), int64(limit))
	}
}

func TestBlockedGosAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		g.SetLimit(1)
		gate := make(chan struct{})
		g.Go(func() error { <-gate; return nil })
		var order []int // guarded by the limit of one
		for i := range 50 {
			go g.Go(func() error { order = append(order, i); return nil })
			synctest.Wait()
		}
		close(gate)
		require.NoError(t, g.Wait())
		for i, got := range order {
			require.Equal(t, i, got)
		}
		require.Len(t, order, 50)
	})
}

func TestAtLimitOneTasksNeedNoLockBetweenThem(t *testing.T) {
	var g errgroup.Group
	g.SetLimit(1)
	var producers sync.WaitGroup
	n := 0 // the race detector watches it
	for range 4 {
		producers.Go(func() {
			for range 1000 {
				g.Go(func() error { n++; return nil })
			}
		})
	}
	producers.Wait()
	require.NoError(t, g.Wait())
	require.Equal(t, 4000, n)
}

func TestABlockedProducerIsFreeBeforeTheNextTaskRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		g.SetLimit(1)
		g.Go(nothing)
		fed := make(chan struct{})
		g.Go(func() error { <-fed; return nil }) // needs what comes after this Go
		close(fed)
		require.NoError(t, g.Wait())
	})
}

func TestAGoFromATaskAtTheLimitWaitsForRoomAndIsNotRunInline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		g.SetLimit(1)
		var inner atomic.Bool
		g.Go(func() error {
			g.Go(func() error { inner.Store(true); return nil })
			return nil
		})
		synctest.Wait()
		require.False(t, inner.Load())
		g.SetLimit(-1) // the way out of the hang
		require.NoError(t, g.Wait())
		require.True(t, inner.Load())
	})
}

func TestAtLimitZeroNothingRunsUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		g.SetLimit(0)
		require.False(t, g.TryGo(nothing))
		var ran atomic.Int64
		for range 5 {
			go g.Go(func() error { ran.Add(1); time.Sleep(time.Hour); return nil })
		}
		synctest.Wait()
		require.NoError(t, g.Wait(), "a Go blocked at limit zero does not count")
		require.Zero(t, ran.Load())
		g.SetLimit(2)
		synctest.Wait()
		require.EqualValues(t, 2, ran.Load())
		require.NoError(t, g.Wait())
		require.EqualValues(t, 5, ran.Load())
	})
}

func TestSetLimitCountsTheTasksThatWereStartedWithoutALimit(t *testing.T) {
	var g errgroup.Group
	gate := make(chan struct{})
	for range 3 {
		g.Go(func() error { <-gate; return nil })
	}
	defer func() {
		err, ok := recover().(error)
		require.True(t, ok, "x/sync panics with an error")
		require.EqualError(t, err, "errgroup: modify limit while 3 goroutines in the group are still active")
		close(gate)
		require.NoError(t, g.Wait(), "the group hangs after the panic")
		g.SetLimit(1)
	}()
	g.SetLimit(1)
}

func TestANegativeLimitFreesEveryBlockedGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		g.SetLimit(2)
		gate := make(chan struct{})
		var started atomic.Int64
		for range 10 {
			go g.Go(func() error { started.Add(1); <-gate; return nil })
		}
		synctest.Wait()
		require.EqualValues(t, 2, started.Load())
		g.SetLimit(-1)
		synctest.Wait()
		require.EqualValues(t, 10, started.Load())
		close(gate)
		require.NoError(t, g.Wait())
	})
}

func TestASlotIsFreeAgainWhenWaitReturns(t *testing.T) {
	var g errgroup.Group
	for i := range 20_000 {
		g.SetLimit(1 + i%2)
		require.True(t, g.TryGo(nothing))
		_ = g.Wait()
	}
}

func TestWaitWaitsForAGoThatIsBlockedAtTheLimit(t *testing.T) {
	for range 2000 {
		var g errgroup.Group
		g.SetLimit(1)
		var ran atomic.Int64
		gate := make(chan struct{})
		g.Go(func() error { <-gate; ran.Add(1); return nil })
		blocked := make(chan struct{})
		go func() {
			defer close(blocked)
			g.Go(func() error { ran.Add(1); return nil })
		}()
		for g.TryGo(nothing) { // never: the slot is taken
		}
		runtime.Gosched()
		close(gate)
		_ = g.Wait()
		<-blocked
		_ = g.Wait()
		require.EqualValues(t, 2, ran.Load())
	}
}

func TestWaitReturnsOnlyAfterTheTaskOfABlockedGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g errgroup.Group
		g.SetLimit(1)
		g.Go(func() error { time.Sleep(time.Second); return nil })
		var ran atomic.Int64
		for range 3 {
			go g.Go(func() error { time.Sleep(time.Second); ran.Add(1); return nil })
		}
		synctest.Wait()
		require.NoError(t, g.Wait())
		require.EqualValues(t, 3, ran.Load())
	})
}

func TestManyWaitsAtOnceAllReturn(t *testing.T) {
	for range 500 {
		var g errgroup.Group
		require.NoError(t, g.Wait())
		g.Go(func() error { return errTask })
		var waits sync.WaitGroup
		for range 3 {
			waits.Go(func() {
				if g.Wait() != errTask {
					panic("another error")
				}
			})
		}
		g.Go(nothing)
		waits.Wait()
		require.Equal(t, errTask, g.Wait())
	}
}

func TestAWaitReturnsThoughTheNextTaskCameTheMomentTheGroupWasAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			var g errgroup.Group
			g.SetLimit(1)
			first, second := make(chan struct{}), make(chan struct{})
			g.Go(func() error { <-first; return nil })
			waited := make(chan struct{})
			go func() { defer close(waited); _ = g.Wait() }()
			synctest.Wait()
			close(first)
			for !g.TryGo(func() error { <-second; return nil }) { // the slot is free when the group rests
			}
			<-waited // the bubble would find the deadlock
			close(second)
			require.NoError(t, g.Wait())
		}
	})
}

func TestTheFirstErrorStaysThroughReuse(t *testing.T) {
	g, ctx := errgroup.WithContext(t.Context())
	g.Go(func() error { return errTask })
	require.Equal(t, errTask, g.Wait())
	require.Equal(t, errTask, context.Cause(ctx))
	ran := false
	g.Go(func() error { ran = true; return errors.New("later") })
	require.Equal(t, errTask, g.Wait())
	require.True(t, ran, "nothing is skipped after an error")
}

func TestASiblingsCancelNeverBeatsTheErrorThatCausedIt(t *testing.T) {
	for range 5000 {
		g, ctx := errgroup.WithContext(t.Context())
		for range 2 {
			g.Go(func() error { <-ctx.Done(); return ctx.Err() })
		}
		g.Go(func() error { return errTask })
		require.Equal(t, errTask, g.Wait())
		require.Equal(t, errTask, context.Cause(ctx))
	}
}

func TestACleanWaitLeavesCanceledAsTheCause(t *testing.T) {
	g, ctx := errgroup.WithContext(t.Context())
	g.Go(nothing)
	require.NoError(t, g.Wait())
	require.Equal(t, context.Canceled, context.Cause(ctx))
}

func TestAHookOfTheCancelMayUseTheGroup(t *testing.T) {
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(2)
	hooked := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(hooked)
		g.TryGo(nothing)
		_ = g.Wait()
	})
	g.Go(func() error { return errTask })
	require.Equal(t, errTask, g.Wait())
	<-hooked
}

func TestTryGoIsExact(t *testing.T) {
	var g errgroup.Group
	g.SetLimit(1)
	for range 5000 {
		gate := make(chan struct{})
		task := func() error { <-gate; return nil }
		var started atomic.Int64
		var tries sync.WaitGroup
		for range 2 {
			tries.Go(func() {
				if g.TryGo(task) {
					started.Add(1)
				}
			})
		}
		tries.Wait()
		close(gate)
		require.NoError(t, g.Wait())
		require.EqualValues(t, 1, started.Load())
	}
}

func TestANilFuncTakesNoSlot(t *testing.T) {
	var g errgroup.Group
	g.SetLimit(1)
	require.Panics(t, func() { g.Go(nil) })
	require.Panics(t, func() { g.TryGo(nil) })
	require.True(t, g.TryGo(nothing))
	require.NoError(t, g.Wait())
}

func TestAHugeLimitCostsNothing(t *testing.T) {
	const tasks = 1000
	run := func(limit int) float64 {
		return testing.AllocsPerRun(1, func() {
			var g errgroup.Group
			g.SetLimit(limit)
			for range tasks {
				g.Go(nothing)
			}
			_ = g.Wait()
		})
	}
	require.Less(t, run(math.MaxInt32), float64(3*tasks))
}

func TestAGoexitFreesItsSlotAndIsNoErrorInADropInGroup(t *testing.T) {
	var g errgroup.Group
	g.SetLimit(2)
	var ran atomic.Int64
	for i := range 1000 {
		g.Go(func() error {
			ran.Add(1)
			if i%3 == 0 {
				runtime.Goexit()
			}
			return nil
		})
	}
	require.NoError(t, g.Wait())
	require.EqualValues(t, 1000, ran.Load())
}

func TestAGoexitIsAFailureInAGroupMadeByNew(t *testing.T) {
	for _, o := range []errgroup.Options{{}, {Limit: 2}, {Limit: 2, FreshGoroutines: true}} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			g, ctx := errgroup.New(t.Context(), o)
			g.Go(func() error { runtime.Goexit(); return nil })
			require.ErrorIs(t, g.Wait(), belay.ErrGoexit)
			require.ErrorIs(t, context.Cause(ctx), belay.ErrGoexit)
		})
	}
}

func TestNewTakesZeroAndNegativeLimitsAsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, limit := range []int{0, -1} {
			g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: limit})
			var meeting sync.WaitGroup
			meeting.Add(100)
			for range 100 {
				g.Go(func() error { meeting.Done(); meeting.Wait(); return nil })
			}
			require.NoError(t, g.Wait())
		}
	})
}

func TestFakeTimeAdvancesWhileGosAreBlocked(t *testing.T) {
	for range 2 { // in one bubble, and in the next
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var g errgroup.Group
			g.SetLimit(2)
			for range 6 {
				g.Go(func() error { time.Sleep(time.Hour); return nil })
			}
			require.NoError(t, g.Wait())
			require.Equal(t, 3*time.Hour, time.Since(began))
		})
	}
}
