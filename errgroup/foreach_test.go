package errgroup_test

// This file tests ForEach: its limit, its order, and what ends it.

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

var errOuter = errors.New("the caller has had enough")

// upTo yields the numbers below n and counts in taken how many it has.
func upTo(n int, taken *int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			*taken++
			if !yield(i) {
				return
			}
		}
	}
}

// allOptions are the ways in which ForEach and Map run their items.
var allOptions = map[string]errgroup.Options{
	"limit 1":         {Limit: 1},
	"limit 2":         {Limit: 2},
	"limit 7":         {Limit: 7},
	"limit 64":        {Limit: 64},
	"limit 300":       {Limit: 300},
	"fresh, limit 1":  {Limit: 1, FreshGoroutines: true},
	"fresh, limit 64": {Limit: 64, FreshGoroutines: true},
	"no limit":        {},
	"negative limit":  {Limit: -3},
}

// inEachWay runs a test in a bubble for all options. most is how many of n items
// may run at once.
func inEachWay(t *testing.T, n int, test func(t *testing.T, o errgroup.Options, most int)) {
	for name, o := range allOptions {
		t.Run(name, func(t *testing.T) {
			most := n
			if o.Limit > 0 {
				most = min(n, o.Limit)
			}
			synctest.Test(t, func(t *testing.T) { test(t, o, most) })
		})
	}
}

// meter counts what runs.
type meter struct{ running, most, started atomic.Int64 }

func (m *meter) enter() {
	n := m.running.Add(1)
	m.started.Add(1)
	for most := m.most.Load(); n > most && !m.most.CompareAndSwap(most, n); most = m.most.Load() {
	}
}

func (m *meter) leave() { m.running.Add(-1) }

func TestForEachCallsItsFuncOnceForEveryItem(t *testing.T) {
	inEachWay(t, 1000, func(t *testing.T, o errgroup.Options, most int) {
		var calls [1000]atomic.Int64
		var m meter
		taken := 0
		require.NoError(t, errgroup.ForEach(t.Context(), o, upTo(1000, &taken), func(ctx context.Context, i int) error {
			m.enter()
			defer m.leave()
			calls[i].Add(1)
			return ctx.Err()
		}))
		require.Equal(t, 1000, taken)
		for i := range calls {
			require.EqualValues(t, 1, calls[i].Load(), "item %d", i)
		}
		require.LessOrEqual(t, m.most.Load(), int64(most))
	})
}

func TestItemsOfForEachThatNeedEachOtherUpToTheLimitAllRun(t *testing.T) {
	inEachWay(t, 600, func(t *testing.T, o errgroup.Options, most int) {
		taken := 0
		met := make([]sync.WaitGroup, 600/most)
		for i := range met {
			met[i].Add(most)
		}
		require.NoError(t, errgroup.ForEach(t.Context(), o, upTo(len(met)*most, &taken), func(_ context.Context, i int) error {
			met[i/most].Done()
			met[i/most].Wait()
			return nil
		}))
	})
}

// A worker that came back from a park or a yield and took the last items did not
// look for a producer that waits for room: that slept on, and so did its items.
func TestWhoeverEmptiesTheRingWakesTheProducer(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		limit := 1 + rnd.IntN(300)
		synctest.Test(t, func(t *testing.T) {
			rounds := 2 + rnd.IntN(3)
			met := make([]sync.WaitGroup, rounds)
			for i := range met {
				met[i].Add(limit)
			}
			lazy := make([]int, rounds*limit)
			for i := range lazy {
				lazy[i] = rnd.IntN(4)
			}
			halting := func(yield func(int) bool) {
				for i := range lazy {
					for range lazy[(i+limit/2)%len(lazy)] / 3 {
						runtime.Gosched()
					}
					if !yield(i) {
						return
					}
				}
			}
			require.NoError(t, errgroup.ForEach(t.Context(), errgroup.Options{Limit: limit}, halting, func(_ context.Context, i int) error {
				met[i/limit].Done()
				met[i/limit].Wait()
				for range lazy[i] {
					runtime.Gosched()
				}
				return nil
			}))
		})
	}
}

func TestForEachRunsExactlyAsManyItemsAsItMayAndTakesFewAhead(t *testing.T) {
	inEachWay(t, 600, func(t *testing.T, o errgroup.Options, most int) {
		var m meter
		gate := make(chan struct{})
		taken := 0
		ended := make(chan error)
		go func() {
			ended <- errgroup.ForEach(t.Context(), o, upTo(600, &taken), func(context.Context, int) error {
				m.enter()
				defer m.leave()
				<-gate
				return nil
			})
		}()
		synctest.Wait()
		require.EqualValues(t, most, m.running.Load())
		require.LessOrEqual(t, taken, most+17) // one more is in the producer's hand
		close(gate)
		require.NoError(t, <-ended)
		require.EqualValues(t, most, m.most.Load())
	})
}

func TestASlowSequenceNeverHoldsBackAnItem(t *testing.T) {
	inEachWay(t, 20, func(t *testing.T, o errgroup.Options, _ int) {
		began := time.Now()
		slow := func(yield func(int) bool) {
			for i := range 20 {
				if time.Sleep(time.Second); !yield(i) {
					return
				}
			}
		}
		require.NoError(t, errgroup.ForEach(t.Context(), o, slow, func(_ context.Context, i int) error {
			if late := time.Since(began) - time.Duration(i+1)*time.Second; late != 0 {
				return fmt.Errorf("item %d started %v late", i, late)
			}
			time.Sleep(time.Second / 2)
			return nil
		}))
	})
}

func TestItemsOfForEachStartInOrderAndAtLimitOneNeedNoLock(t *testing.T) {
	for _, o := range []errgroup.Options{{Limit: 1}, {Limit: 1, FreshGoroutines: true}} {
		var order []int // the race detector watches it
		taken := 0
		require.NoError(t, errgroup.ForEach(t.Context(), o, upTo(2000, &taken), func(_ context.Context, i int) error {
			order = append(order, i)
			return nil
		}))
		require.Len(t, order, 2000)
		require.True(t, slices.IsSorted(order))
	}
}

func TestAfterAFailureForEachStartsNothingAndTakesNothing(t *testing.T) {
	inEachWay(t, 200, func(t *testing.T, o errgroup.Options, _ int) {
		var m meter
		var taken, atFailure atomic.Int64
		endless := func(yield func(int) bool) {
			for i := 0; ; i++ {
				if taken.Add(1); !yield(i) {
					return
				}
				if o.Limit <= 0 { // nothing else holds it back
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
		err := errgroup.ForEach(t.Context(), o, endless, func(ctx context.Context, i int) error {
			m.enter()
			defer m.leave()
			if i == 100 {
				time.Sleep(time.Second) // the others, and seq, are held up by then
				atFailure.Store(taken.Load())
				return errTask
			}
			if i > 100 {
				<-ctx.Done()
				if context.Cause(ctx) != errTask {
					return errors.New("another cause")
				}
			}
			return nil
		})
		require.Equal(t, errTask, err)
		require.Zero(t, m.running.Load())
		if o.Limit > 0 {
			require.Equal(t, atFailure.Load(), taken.Load())
			require.LessOrEqual(t, m.started.Load(), int64(100+o.Limit))
		}
	})
}

func TestACallersCancelEndsForEachWithTheCause(t *testing.T) {
	inEachWay(t, 5000, func(t *testing.T, o errgroup.Options, most int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var m meter
		endless := func(yield func(int) bool) {
			for yield(0) {
				if o.Limit <= 0 {
					time.Sleep(time.Second)
				}
			}
		}
		ended := make(chan error)
		go func() {
			ended <- errgroup.ForEach(ctx, o, endless, func(ctx context.Context, _ int) error {
				m.enter()
				defer m.leave()
				<-ctx.Done()
				return nil
			})
		}()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		cancel(errOuter)
		err := <-ended
		require.ErrorIs(t, err, errOuter)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, m.running.Load())
		require.LessOrEqual(t, m.started.Load(), int64(most))
	})
}

func TestForEachThatCouldStartEverythingSucceedsThoughItsContextIsDone(t *testing.T) {
	inEachWay(t, 1, func(t *testing.T, o errgroup.Options, _ int) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		exhausted := make(chan struct{})
		seq := func(yield func(int) bool) { _ = yield(1); close(exhausted) }
		require.NoError(t, errgroup.ForEach(ctx, o, seq, func(context.Context, int) error {
			<-exhausted
			cancel()
			return nil
		}))
	})
}

func TestItemsThatWereTakenButNotStartedAreAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ran := 0
		taken := 0
		err := errgroup.ForEach(ctx, errgroup.Options{Limit: 1}, upTo(3, &taken), func(context.Context, int) error {
			time.Sleep(time.Second) // seq is exhausted by then
			ran++
			cancel()
			return nil
		})
		require.Equal(t, context.Canceled, err)
		require.Equal(t, 3, taken)
		require.Equal(t, 1, ran)
	})
}

func TestForEachWithADoneContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errOuter)
	taken := 0
	err := errgroup.ForEach(ctx, errgroup.Options{}, upTo(3, &taken), func(context.Context, int) error { panic("called") })
	require.ErrorIs(t, err, errOuter)
	require.Zero(t, taken)
}

func TestAnItemThatAGoroutineOfItsOwnComesTooLateForIsAnError(t *testing.T) {
	for range 2000 {
		ctx, cancel := context.WithCancel(t.Context())
		seq := func(yield func(int) bool) { _ = yield(1); cancel() }
		ran := false
		err := errgroup.ForEach(ctx, errgroup.Options{}, seq, func(context.Context, int) error { ran = true; return nil })
		require.Equal(t, ran, err == nil)
	}
}

func TestForEachOfNothingSucceeds(t *testing.T) {
	inEachWay(t, 1, func(t *testing.T, o errgroup.Options, _ int) {
		taken := 0
		require.NoError(t, errgroup.ForEach(t.Context(), o, upTo(0, &taken), func(context.Context, int) error { return errTask }))
	})
}

func TestAPanicAndAGoexitInTheSequenceWaitForTheTasks(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("seq") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			inEachWay(t, 1, func(t *testing.T, o errgroup.Options, _ int) {
				var m meter
				var value any
				left := make(chan struct{})
				go func() {
					defer close(left)
					defer func() { value = recover() }()
					seq := func(yield func(int) bool) { _ = yield(1); leave() }
					_ = errgroup.ForEach(t.Context(), o, seq, func(ctx context.Context, _ int) error {
						m.enter()
						defer m.leave()
						<-ctx.Done()
						time.Sleep(time.Second)
						return ctx.Err()
					})
					panic("ForEach returned")
				}()
				<-left
				require.Zero(t, m.running.Load())
				if name == "panic" {
					require.Equal(t, "seq", value)
				} else {
					require.Nil(t, value)
				}
			})
		})
	}
}

func TestAGoexitInAnItemIsAnError(t *testing.T) {
	inEachWay(t, 100, func(t *testing.T, o errgroup.Options, _ int) {
		goexit := func(_ context.Context, i int) error {
			if i == 50 {
				runtime.Goexit()
			}
			return nil
		}
		taken := 0
		require.ErrorIs(t, errgroup.ForEach(t.Context(), o, upTo(10_000, &taken), goexit), belay.ErrGoexit)
		_, err := errgroup.Map(t.Context(), o, make([]int, 100), func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil })
		require.ErrorIs(t, err, belay.ErrGoexit)
	})
}

func TestForEachAllocatesNothingForAnItem(t *testing.T) {
	run := func(n int) float64 {
		return testing.AllocsPerRun(5, func() {
			taken := 0
			_ = errgroup.ForEach(context.Background(), errgroup.Options{Limit: 2}, upTo(n, &taken), func(context.Context, int) error { return nil })
		})
	}
	few := run(100)
	require.Less(t, run(10_000), few+100)
}

func TestFreshGoroutinesHoldsForEveryItem(t *testing.T) {
	o := errgroup.Options{Limit: 1, FreshGoroutines: true}
	seen := map[string]bool{}
	taken := 0
	require.NoError(t, errgroup.ForEach(t.Context(), o, upTo(50, &taken), func(context.Context, int) error { seen[goroutineID()] = true; return nil }))
	require.Len(t, seen, 50)
	_, err := errgroup.Map(t.Context(), o, make([]int, 50), func(context.Context, int) (int, error) { seen[goroutineID()] = true; return 0, nil })
	require.NoError(t, err)
	require.Len(t, seen, 100)
}

// The calls that a planted panic has to crash; none may return.
var panicking = map[string]func(){
	"ForEach": func() {
		taken := 0
		_ = errgroup.ForEach(context.Background(), errgroup.Options{Limit: 2}, upTo(9, &taken), func(context.Context, int) error { return boom() })
	},
	"ForEach without a limit": func() {
		taken := 0
		_ = errgroup.ForEach(context.Background(), errgroup.Options{}, upTo(9, &taken), func(context.Context, int) error { return boom() })
	},
	"Map": func() {
		_, _ = errgroup.Map(context.Background(), errgroup.Options{Limit: 2}, make([]int, 9), func(context.Context, int) (int, error) { return 0, boom() })
	},
	"Stream": func() {
		taken := 0
		_ = last(errgroup.Stream(context.Background(), errgroup.Options{Limit: 2}, upTo(9, &taken), func(context.Context, int) (int, error) { return 0, boom() }))
	},
	"First": func() {
		_, _ = errgroup.First(context.Background(), errgroup.Options{}, func(context.Context) (int, error) { return 0, boom() })
	},
}

func TestAPanicInAFuncOfTheGenericCallsCrashesTheProcess(t *testing.T) {
	if name := os.Getenv("PLANT_GENERIC_PANIC"); name != "" {
		panicking[name]()
		os.Exit(0) // must never win
	}
	for name := range panicking {
		out, err := self(t, t.Name(), "PLANT_GENERIC_PANIC="+name)
		require.Error(t, err, "%s: %s", name, out)
		require.Contains(t, out, "panic: boom", name)
		require.Contains(t, out, "errgroup_test.boom", name)
	}
}
