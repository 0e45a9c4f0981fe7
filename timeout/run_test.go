package timeout_test

// This file holds the tests of Run: which error it returns, and that it does
// nothing else than call f.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/timeout"
)

var (
	errOurs = errors.New("why the caller gave up")
	errTask = errors.New("the disk is full")
)

// saysTimeout is what os.IsTimeout and package net ask for.
func saysTimeout(err error) bool {
	t, ok := err.(interface{ Timeout() bool })
	return ok && t.Timeout()
}

// obedient is a function that looks at its context, and says no more than that
// it is done.
func obedient(ctx context.Context) (int, error) {
	<-ctx.Done()
	return 7, ctx.Err()
}

func TestWhatAFunctionReturnsInTimeIsReturnedAsItIs(t *testing.T) {
	value, err := timeout.Run(t.Context(), time.Minute, func(context.Context) (string, error) { return "value", nil })
	require.NoError(t, err)
	require.Equal(t, "value", value)

	value, err = timeout.Run(t.Context(), time.Minute, func(context.Context) (string, error) { return "half", errTask })
	require.Equal(t, "half", value)
	require.True(t, err == errTask)
}

func TestAResultAfterTheTimeIsUpIsReturnedAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value, err := timeout.Run(t.Context(), time.Second, func(ctx context.Context) (int, error) {
			time.Sleep(time.Minute)
			require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
			return 42, nil
		})
		require.NoError(t, err)
		require.Equal(t, 42, value)
	})
}

func TestAnErrorThatOnlySaysDoneIsJoinedByItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value, err := timeout.Run(t.Context(), 3*time.Second, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 7, fmt.Errorf("query: %w", ctx.Err())
		})
		require.Equal(t, 7, value)
		require.EqualError(t, err, "query: context deadline exceeded: ctxutil: run: timed out after 3s, limit 3s")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, saysTimeout(err))
		var limit *ctxutil.TimeoutError
		require.ErrorAs(t, err, &limit)
		require.Equal(t, ctxutil.TimeoutError{Name: "run", Limit: 3 * time.Second, Elapsed: 3 * time.Second}, *limit)
	})
}

func TestAnErrorThatAlreadyHasTheCauseStaysWhatItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var theirs error
		_, err := timeout.Run(t.Context(), time.Second, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			theirs = fmt.Errorf("query: %w", context.Cause(ctx))
			return 0, theirs
		})
		require.True(t, err == theirs)
	})
}

func TestAnErrorOfTheFunctionsOwnStaysWhatItIsAfterTheTimeToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := timeout.Run(t.Context(), time.Second, func(context.Context) (int, error) {
			time.Sleep(time.Minute)
			return 0, errTask
		})
		require.True(t, err == errTask)
	})
}

func TestADeadlineErrorOfAnotherContextIsNotExplainedInTime(t *testing.T) {
	theirs := fmt.Errorf("pool: %w", context.DeadlineExceeded)
	_, err := timeout.Run(t.Context(), time.Minute, func(context.Context) (int, error) { return 0, theirs })
	require.True(t, err == theirs)
}

// odd is a cause that can't be compared: == of two of them panics.
type odd []string

func (o odd) Error() string { return fmt.Sprint([]string(o)) }

func TestACauseThatCannotBeComparedIsReachedByAs(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := timeout.Run(ctx, time.Minute, func(ctx context.Context) (int, error) {
		cancel(odd{"a", "b"})
		return obedient(ctx)
	})
	require.ErrorIs(t, err, context.Canceled)
	var cause odd
	require.ErrorAs(t, err, &cause)
	require.False(t, saysTimeout(err))
}

// odder is of a type that can be compared, and its values can't.
type odder struct{ inside any }

func (o odder) Error() string { return fmt.Sprint(o.inside) }

func TestACauseThatPanicsWhenComparedDoesNot(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := timeout.Run(ctx, time.Minute, func(ctx context.Context) (int, error) {
		cancel(odder{[]int{1}})
		return 0, errors.Join(ctx.Err(), context.Cause(ctx))
	})
	require.ErrorIs(t, err, context.Canceled)
	var cause odder
	require.ErrorAs(t, err, &cause)
}

// The cause is the right layer's, whichever of the three ends comes first. The
// third is the return of f, after which there is nothing to report.
func TestTheLayerThatEndedFirstIsNamedInAllOrders(t *testing.T) {
	type ends struct {
		name           string
		parent, cancel time.Duration // of the caller's context; zero: never
		cause          error         // of the caller's cancel
		want           error         // nil: a TimeoutError of wantName
		wantName       string
		err            error
	}
	limit := 5 * time.Second
	for _, e := range []ends{
		{name: "own, parent, cancel", parent: 6 * time.Second, cancel: 7 * time.Second, cause: errOurs, wantName: "run", err: context.DeadlineExceeded},
		{name: "own, cancel, parent", parent: 7 * time.Second, cancel: 6 * time.Second, cause: errOurs, wantName: "run", err: context.DeadlineExceeded},
		{name: "parent, own, cancel", parent: 4 * time.Second, cancel: 7 * time.Second, cause: errOurs, wantName: "caller", err: context.DeadlineExceeded},
		{name: "parent and own at once", parent: 5 * time.Second, wantName: "caller", err: context.DeadlineExceeded},
		{name: "cancel, own, parent", parent: 6 * time.Second, cancel: 2 * time.Second, cause: errOurs, want: errOurs, err: context.Canceled},
		{name: "cancel without a cause", cancel: 2 * time.Second, want: context.Canceled, err: context.Canceled},
		{name: "own alone", wantName: "run", err: context.DeadlineExceeded},
	} {
		for _, how := range []string{"Run", "Abandon"} {
			t.Run(how+"/"+e.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					if e.parent > 0 {
						var stop func()
						ctx, stop = ctxutil.ShrinkNamed(ctx, "caller", e.parent)
						defer stop()
					}
					if e.cancel > 0 {
						time.AfterFunc(e.cancel, func() { cancel(e.cause) })
					}
					var err error
					var inside error
					late := func(ctx context.Context) (int, error) {
						<-ctx.Done()
						time.Sleep(time.Minute) // all three have come
						inside = context.Cause(ctx)
						return 0, ctx.Err()
					}
					var r timeout.Runner
					if how == "Run" {
						_, err = timeout.Run(ctx, limit, late)
					} else {
						r.Name = "run"
						_, err = timeout.Abandon(&r, ctx, limit, late)
						require.NoError(t, r.WaitContext(context.Background()))
					}
					require.ErrorIs(t, err, e.err)
					require.Equal(t, e.err == context.DeadlineExceeded, saysTimeout(err))
					var named *ctxutil.TimeoutError
					if e.want != nil {
						require.ErrorIs(t, err, e.want)
						require.False(t, errors.As(err, &named))
						require.True(t, inside == e.want)
						return
					}
					require.ErrorAs(t, err, &named)
					require.Equal(t, e.wantName, named.Name)
					require.True(t, inside == error(named), "what comes later doesn't change the cause")
				})
			})
		}
	}
}

func TestADoneContextIsReportedWithoutACall(t *testing.T) {
	never := func(context.Context) (int, error) { panic("called") }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	explained, stop := context.WithCancelCause(t.Context())
	stop(errOurs)
	var r timeout.Runner
	for _, d := range []time.Duration{time.Minute, 0, -1} {
		for _, do := range []func(context.Context) (int, error){
			func(ctx context.Context) (int, error) { return timeout.Run(ctx, d, never) },
			func(ctx context.Context) (int, error) { return timeout.Abandon(&r, ctx, d, never) },
		} {
			_, err := do(cancelled)
			require.True(t, err == context.Canceled)
			require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = do(cancelled) }))
			_, err = do(explained)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, errOurs)
		}
	}
	require.Zero(t, r.Stats().Total)
}

func TestADurationThatHasPassedIsATimeoutWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		never := func(context.Context) (int, error) { panic("called") }
		var r timeout.Runner
		for _, d := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
			for name, do := range map[string]func() (int, error){
				"run":     func() (int, error) { return timeout.Run(t.Context(), d, never) },
				"abandon": func() (int, error) { return timeout.Abandon(&r, t.Context(), d, never) },
			} {
				_, err := do()
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.True(t, saysTimeout(err))
				var limit *ctxutil.TimeoutError
				require.ErrorAs(t, err, &limit)
				require.Equal(t, ctxutil.TimeoutError{Name: name, Limit: d}, *limit)
			}
		}
		require.Zero(t, time.Since(began))
	})
}

func TestTheLongestLimitsNeverPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r timeout.Runner
		year := func(ctx context.Context) (int, error) {
			time.Sleep(365 * 24 * time.Hour)
			return 1, ctx.Err()
		}
		for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1} {
			_, err := timeout.Run(t.Context(), d, year)
			require.NoError(t, err)
			_, err = timeout.Abandon(&r, t.Context(), d, year)
			require.NoError(t, err)
		}
	})
}

func TestRunEndsTheContextItMadeAndStaysOnItsGoroutine(t *testing.T) {
	ours := goroutine()
	var inside context.Context
	_, _ = timeout.Run(t.Context(), time.Hour, func(ctx context.Context) (int, error) {
		require.Equal(t, ours, goroutine())
		require.NoError(t, ctx.Err())
		inside = ctx
		return 0, nil
	})
	require.Equal(t, context.Canceled, inside.Err())
	require.Equal(t, context.Canceled, context.Cause(inside))
}

// goroutine returns the first line of the caller's stack, up to its number.
func goroutine() string {
	buf := make([]byte, 64)
	var name string
	var id int
	_, _ = fmt.Sscan(string(buf[:runtime.Stack(buf, false)]), &name, &id)
	return fmt.Sprint(name, id)
}

func TestAPanicAndAGoexitInRunAreTheCallers(t *testing.T) {
	var inside context.Context
	f := func(leave func()) func(context.Context) (int, error) {
		return func(ctx context.Context) (int, error) {
			inside = ctx
			leave()
			return 0, nil
		}
	}
	require.PanicsWithValue(t, "boom", func() { _, _ = timeout.Run(t.Context(), time.Hour, f(func() { panic("boom") })) })
	require.Error(t, inside.Err(), "the context is left behind")

	exited := make(chan bool, 1)
	go func() { // ends by the Goexit of its task
		defer func() { exited <- recover() == nil }()
		_, _ = timeout.Run(t.Context(), time.Hour, f(runtime.Goexit))
		panic("returned")
	}()
	require.True(t, <-exited)
	require.Error(t, inside.Err(), "the context is left behind")
}
