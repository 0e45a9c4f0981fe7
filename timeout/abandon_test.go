package timeout_test

// This file holds the tests of Abandon and its Runner: what the caller gets,
// what becomes of a function that is late, and who counts it.

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
	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout"
)

// lateCall is one call of OnLate.
type lateCall struct {
	value any
	err   error
}

// lateCalls makes a Runner that keeps what came late. It is to be read when
// nobody else can run.
func lateCalls(max int) (*timeout.Runner, *[]lateCall) {
	var mu sync.Mutex
	calls := new([]lateCall)
	return &timeout.Runner{Name: "dig", MaxAbandoned: max, OnLate: func(value any, err error) {
		mu.Lock()
		defer mu.Unlock()
		*calls = append(*calls, lateCall{value, err})
	}}, calls
}

// sleeper sleeps for d, whatever its context says, and then leaves.
func sleeper[T any](d time.Duration, leave func() (T, error)) func(context.Context) (T, error) {
	return func(context.Context) (T, error) {
		time.Sleep(d)
		return leave()
	}
}

func plantedBoom() (int, error) { panic("boom") }

func exit() (int, error) { runtime.Goexit(); return 0, nil }

func TestAResultInTimeIsReturnedAndNobodyIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, late := lateCalls(0)
		var inside context.Context
		value, err := timeout.Abandon(r, t.Context(), time.Minute, func(ctx context.Context) (string, error) {
			inside = ctx
			time.Sleep(time.Second)
			return "half", errTask
		})
		require.Equal(t, "half", value)
		require.True(t, err == errTask)
		require.Equal(t, context.Canceled, context.Cause(inside), "the context is left behind")
		synctest.Wait()
		require.Equal(t, belay.Stats{Limit: 100}, r.Stats())
		require.Empty(t, *late)
	})
}

func TestACallReturnsAtItsLimitAndItsFunctionGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, late := lateCalls(0)
		began := time.Now()
		value, err := timeout.Abandon(r, t.Context(), 2*time.Second, sleeper(time.Minute, func() (int, error) { return 42, errTask }))
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Zero(t, value)
		require.EqualError(t, err, "context deadline exceeded: ctxutil: dig: timed out after 2s, limit 2s")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, saysTimeout(err))
		var limit *ctxutil.TimeoutError
		require.ErrorAs(t, err, &limit)
		require.Equal(t, "dig", limit.Name)

		require.Equal(t, 1, r.Abandoned())
		require.NoError(t, r.WaitContext(t.Context()))
		require.Equal(t, time.Minute, time.Since(began))
		require.Zero(t, r.Abandoned())
		require.Equal(t, []lateCall{{42, errTask}}, *late)
		require.Equal(t, belay.Stats{Limit: 100, Total: 1, Failed: 1}, r.Stats())
	})
}

func TestACancelReturnsAtOnceToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errOurs) })
		r, late := lateCalls(0)
		began := time.Now()
		_, err := timeout.Abandon(r, ctx, time.Hour, sleeper(time.Minute, func() (int, error) { return 42, nil }))
		require.Equal(t, time.Second, time.Since(began))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errOurs)
		require.False(t, saysTimeout(err))
		require.NoError(t, r.WaitContext(t.Context()))
		require.Equal(t, []lateCall{{42, nil}}, *late)
	})
}

// The bubble could not end if the sender of a late result were still blocked.
func TestALateResultNeverBlocksWhoeverHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, r := range []*timeout.Runner{{}, {MaxAbandoned: -1}, {OnLate: func(any, error) {}}} {
			for range 50 {
				_, err := timeout.Abandon(r, t.Context(), time.Millisecond, sleeper(time.Second, func() (int, error) { return 42, errTask }))
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			require.NoError(t, r.WaitContext(context.Background()))
		}
	})
}

// wayOut is how a function ends, and how its end is reported.
type wayOut struct {
	name  string
	leave func() (int, error)
	value any
	err   error // nil: a PanicError
}

var waysOut = []wayOut{
	{"a value", func() (int, error) { return 42, nil }, 42, nil},
	{"an error", func() (int, error) { return 7, errTask }, 7, errTask},
	{"a panic", plantedBoom, nil, nil},
	{"a Goexit", exit, nil, belay.ErrGoexit},
}

func TestEachWayOutIsReportedToTheCallerInTimeAndToOnLateAfterwards(t *testing.T) {
	for _, w := range waysOut {
		t.Run(w.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, late := lateCalls(0)
				var value any
				var err error
				func() {
					defer func() {
						if e, ok := recover().(*belay.PanicError); ok {
							value, err = nil, e
						}
					}()
					value, err = timeout.Abandon(r, t.Context(), time.Hour, sleeper(time.Second, w.leave))
				}()
				if w.err == belay.ErrGoexit {
					require.Equal(t, 0, value)
					value = nil
				}
				w.check(t, value, err)

				_, err = timeout.Abandon(r, t.Context(), time.Second, sleeper(time.Hour, w.leave))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NoError(t, r.WaitContext(t.Context()))
				require.Len(t, *late, 1)
				w.check(t, (*late)[0].value, (*late)[0].err)
			})
		})
	}
}

func (w wayOut) check(t *testing.T, value any, err error) {
	require.Equal(t, w.value, value)
	if w.name != "a panic" {
		require.True(t, err == w.err)
		return
	}
	var e *belay.PanicError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "boom", e.Value)
	require.Contains(t, string(e.Stack), "plantedBoom", "the stack is not that of the function")
}

func TestAPanicOfACallWithinKeepsItsStack(t *testing.T) {
	var r timeout.Runner
	defer func() {
		e, ok := recover().(*belay.PanicError)
		require.True(t, ok)
		require.Equal(t, "boom", e.Value)
		require.Contains(t, string(e.Stack), "plantedBoom")
	}()
	_, _ = timeout.Abandon(&r, t.Context(), time.Hour, func(ctx context.Context) (int, error) {
		return timeout.Abandon(&r, ctx, time.Hour, func(context.Context) (int, error) { return plantedBoom() })
	})
}

func TestAPanicWithoutAValueIsNoGoexit(t *testing.T) {
	var r timeout.Runner
	defer func() {
		e, ok := recover().(*belay.PanicError)
		require.True(t, ok)
		var without *runtime.PanicNilError
		require.ErrorAs(t, e, &without)
	}()
	_, _ = timeout.Abandon(&r, t.Context(), time.Hour, func(context.Context) (int, error) { panic(nil) })
}

func TestAFailNowInsideDoesNotHangTheCaller(t *testing.T) {
	var r timeout.Runner
	inner := new(testing.T)
	_, err := timeout.Abandon(&r, t.Context(), time.Hour, func(context.Context) (int, error) {
		inner.FailNow()
		return 0, nil
	})
	require.ErrorIs(t, err, belay.ErrGoexit)
	require.True(t, inner.Failed())
}

func TestPastTheBoundNothingIsStarted(t *testing.T) {
	for _, bound := range []struct{ set, is int }{{0, 100}, {1, 1}, {3, 3}, {math.MaxInt, math.MaxInt}, {-1, -1}, {math.MinInt, -1}} {
		synctest.Test(t, func(t *testing.T) {
			r := &timeout.Runner{MaxAbandoned: bound.set}
			var started atomic.Int64
			hour := func(context.Context) (int, error) {
				started.Add(1)
				time.Sleep(time.Hour)
				return 0, nil
			}
			call := func() error {
				_, err := timeout.Abandon(r, t.Context(), time.Millisecond, hour)
				return err
			}
			most := 200
			if bound.is > 0 {
				most = min(most, bound.is)
			}
			for range most {
				require.ErrorIs(t, call(), context.DeadlineExceeded)
			}
			require.Equal(t, most, r.Abandoned())
			require.Equal(t, int64(bound.is), r.Stats().Limit)
			if most < 200 {
				for range 3 {
					require.True(t, call() == timeout.ErrTooManyAbandoned)
				}
				require.Equal(t, int64(most), started.Load())
				require.Equal(t, belay.Stats{Limit: int64(bound.is), InFlight: int64(most), Total: uint64(most), Refused: 3}, r.Stats())
				require.Zero(t, testing.AllocsPerRun(10, func() { _ = call() }), "a refusal costs nothing")
			}
			require.NoError(t, r.WaitContext(context.Background()))
			require.ErrorIs(t, call(), context.DeadlineExceeded, "there is room again")
			require.NoError(t, r.WaitContext(context.Background()))
		})
	}
}

func TestADoneContextAndATimeThatIsUpAreReportedBeforeTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &timeout.Runner{MaxAbandoned: 1}
		hour := sleeper(time.Hour, func() (int, error) { return 0, nil })
		_, err := timeout.Abandon(r, t.Context(), time.Second, hour)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = timeout.Abandon(r, ctx, time.Second, hour)
		require.True(t, err == context.Canceled)
		_, err = timeout.Abandon(r, t.Context(), 0, hour)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, r.Stats().Refused)
		require.NoError(t, r.WaitContext(t.Context()))
	})
}

// What is in flight already may go past the bound, as documented, but no more.
func TestCallsInFlightMayGoPastTheBoundByTheirOwnNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &timeout.Runner{MaxAbandoned: 2}
		var refused atomic.Int32
		for range 5 {
			go func() { // ends at its limit
				_, err := timeout.Abandon(r, t.Context(), time.Second, sleeper(time.Minute, func() (int, error) { return 0, nil }))
				if errors.Is(err, timeout.ErrTooManyAbandoned) {
					refused.Add(1)
				}
			}()
		}
		time.Sleep(2 * time.Second)
		require.Equal(t, 5, r.Abandoned())
		require.Zero(t, refused.Load())
		_, err := timeout.Abandon(r, t.Context(), time.Second, obedient)
		require.True(t, err == timeout.ErrTooManyAbandoned)
		require.NoError(t, r.WaitContext(t.Context()))
	})
}

func TestTheBoundHoldsUnderConcurrency(t *testing.T) {
	const bound, callers = 3, 8
	r := &timeout.Runner{MaxAbandoned: bound}
	gate := make(chan struct{})
	var most atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range 200 {
				_, err := timeout.Abandon(r, context.Background(), 100*time.Microsecond, func(context.Context) (int, error) { <-gate; return 0, nil })
				if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, timeout.ErrTooManyAbandoned) {
					panic(err)
				}
				for n := int64(r.Abandoned()); n > most.Load(); {
					most.Store(n)
				}
			}
		})
	}
	all.Wait()
	stats := r.Stats()
	require.GreaterOrEqual(t, int(stats.Total), bound, "the bound was never reached")
	require.LessOrEqual(t, int(stats.Total), bound-1+callers)
	require.LessOrEqual(t, int(most.Load()), bound-1+callers)
	require.Equal(t, int64(stats.Total), stats.InFlight, "nobody could end")
	close(gate)
	require.NoError(t, r.WaitContext(t.Context()))
	require.Zero(t, r.Abandoned())
}

func TestAHundredPanicsTakeNothingOfTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, late := lateCalls(3)
		for _, leave := range []func() (int, error){plantedBoom, exit} {
			for range 100 {
				func() {
					defer func() { _ = recover() }()
					_, _ = timeout.Abandon(r, t.Context(), time.Hour, sleeper(time.Second, leave))
				}()
				require.Zero(t, r.Abandoned())
				_, err := timeout.Abandon(r, t.Context(), time.Second, sleeper(time.Hour, leave))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NoError(t, r.WaitContext(t.Context()))
				require.Zero(t, r.Abandoned())
			}
		}
		require.Len(t, *late, 200)
		require.Equal(t, belay.Stats{Limit: 3, Total: 200, Failed: 100, Panicked: 100}, r.Stats())
	})
}

func TestAFunctionCountsUntilItsOnLateHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		returned := false
		r := &timeout.Runner{OnLate: func(any, error) { time.Sleep(time.Minute); returned = true }}
		_, _ = timeout.Abandon(r, t.Context(), time.Second, sleeper(2*time.Second, func() (int, error) { return 0, nil }))
		time.Sleep(30 * time.Second)
		require.Equal(t, 1, r.Abandoned())
		require.NoError(t, r.WaitContext(t.Context()))
		require.True(t, returned)
	})
}

func TestAnOnLateThatLeavesByGoexitStillEndsTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &timeout.Runner{OnLate: func(any, error) { runtime.Goexit() }}
		for _, w := range waysOut {
			_, _ = timeout.Abandon(r, t.Context(), time.Second, sleeper(2*time.Second, w.leave))
		}
		require.NoError(t, r.WaitContext(t.Context()))
	})
}

func TestOnLateMayUseItsRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &timeout.Runner{MaxAbandoned: 1}
		var again error
		r.OnLate = func(any, error) {
			_, again = timeout.Abandon(r, t.Context(), time.Second, obedient)
			_, _ = r.Abandoned(), r.Stats()
		}
		_, _ = timeout.Abandon(r, t.Context(), time.Second, sleeper(2*time.Second, func() (int, error) { return 0, nil }))
		require.NoError(t, r.WaitContext(t.Context()))
		require.True(t, again == timeout.ErrTooManyAbandoned, "it counts as long as its OnLate runs")
	})
}

func TestAWaitForTheAbandonedCanBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r timeout.Runner
		require.NoError(t, r.WaitContext(t.Context()))
		_, _ = timeout.Abandon(&r, t.Context(), time.Second, sleeper(time.Hour, func() (int, error) { return 0, nil }))
		ctx, cancel := ctxutil.ShrinkNamed(t.Context(), "drain", time.Minute)
		defer cancel()
		err := r.WaitContext(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, context.Cause(ctx))
		require.True(t, saysTimeout(err))
		require.NoError(t, r.WaitContext(t.Context()))
		require.NoError(t, r.WaitContext(ctx), "the result is there, although ctx is done")
	})
}

// The race detector is what judges here: the late result has nowhere to go but
// to OnLate, and what the caller gets is visible to it.
func TestNothingOfTheCallersIsWrittenAfterTheReturn(t *testing.T) {
	r := &timeout.Runner{MaxAbandoned: -1}
	var sum atomic.Int64
	r.OnLate = func(value any, _ error) { sum.Add(int64(value.([4]int)[0])) }
	inTime := int64(0)
	for i := range 300 {
		value, err := timeout.Abandon(r, t.Context(), time.Duration(i%3)*50*time.Microsecond+1, func(context.Context) ([4]int, error) {
			for range i * 20 {
				runtime.Gosched()
			}
			return [4]int{1, 2, 3, 4}, nil
		})
		if err == nil {
			inTime += int64(value[0])
		}
		value[0], err = 9, errTask // ours again
		_ = fmt.Sprint(value, err)
	}
	require.NoError(t, r.WaitContext(t.Context()))
	require.Equal(t, sum.Load(), int64(r.Stats().Total), "each late result is handed on once")
	require.LessOrEqual(t, sum.Load()+inTime, int64(300))
}

func TestAResultThatMeetsTheEndOfItsContextGoesToOneSide(t *testing.T) {
	var late, inTime atomic.Int64
	r := &timeout.Runner{MaxAbandoned: -1, OnLate: func(any, error) { late.Add(1) }}
	const calls = 10_000
	for i := range calls {
		ctx, cancel := context.WithCancel(context.Background())
		turns := i % 400 * 400
		_, err := timeout.Abandon(r, ctx, time.Hour, func(context.Context) (int, error) {
			cancel() // the caller is on its way
			sum := 0
			for n := range turns {
				sum += n
			}
			return sum, nil
		})
		if err == nil {
			inTime.Add(1)
		}
	}
	require.False(t, waitsLong(r), "somebody is counted who has ended")
	require.Equal(t, int64(calls), late.Load()+inTime.Load())
	require.Equal(t, late.Load(), int64(r.Stats().Total))
}

// waitsLong reports whether a wait for r's functions, which end at once, has to
// be given up.
func waitsLong(r *timeout.Runner) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute/4)
	defer cancel()
	return r.WaitContext(ctx) != nil
}

func TestCallsInTimeLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r timeout.Runner
		before := runtime.NumGoroutine()
		for range 1000 {
			_, err := timeout.Abandon(&r, t.Context(), time.Hour, func(context.Context) (int, error) { return 1, nil })
			require.NoError(t, err)
		}
		synctest.Wait()
		require.LessOrEqual(t, runtime.NumGoroutine(), before+10)
	})
}
