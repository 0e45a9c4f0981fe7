package ctxutil_test

// This file holds the tests of Shrink: who ends a bounded context, what its
// error then names, and what is left of it.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

// timeoutOf returns the TimeoutError that ended ctx.
func timeoutOf(t *testing.T, ctx context.Context) *ctxutil.TimeoutError {
	t.Helper()
	require.Equal(t, context.DeadlineExceeded, ctx.Err())
	timeout, ok := context.Cause(ctx).(*ctxutil.TimeoutError)
	require.True(t, ok, "the cause is %#v", context.Cause(ctx))
	return timeout
}

func TestAContextThatUsedUpItsTimeNamesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		began := time.Now()
		ctx, cancel := ctxutil.ShrinkNamed(parent, "lookup", 3*time.Second)
		defer cancel()
		<-ctx.Done()

		require.Equal(t, 3*time.Second, time.Since(began))
		require.NoError(t, parent.Err(), "the parent has time left")
		require.Equal(t, &ctxutil.TimeoutError{Name: "lookup", Limit: 3 * time.Second, Elapsed: 3 * time.Second}, timeoutOf(t, ctx))

		cancel()
		require.Equal(t, "lookup", timeoutOf(t, ctx).Name, "a later cancel replaced the cause")
		stop()
		require.Equal(t, "lookup", timeoutOf(t, ctx).Name, "a later end of the parent replaced the cause")
	})
}

func TestAParentThatEndsSoonerIsTheLayerThatIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request, stop := ctxutil.ShrinkNamed(t.Context(), "request", 2*time.Second)
		defer stop()
		time.Sleep(time.Second)
		ctx, cancel := ctxutil.ShrinkNamed(request, "lookup", 10*time.Second)
		defer cancel()

		deadline, ok := ctx.Deadline()
		require.True(t, ok)
		require.Equal(t, time.Second, time.Until(deadline), "the deadline was extended")
		<-ctx.Done()
		require.Equal(t, &ctxutil.TimeoutError{Name: "request", Limit: 2 * time.Second, Elapsed: 2 * time.Second}, timeoutOf(t, ctx))
	})
}

func TestAPlainDeadlineOfTheParentIsNotTakenForOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, d := range []time.Duration{time.Second, time.Minute} { // as long as the parent, and longer
			parent, stop := context.WithTimeout(t.Context(), time.Second)
			ctx, cancel := ctxutil.ShrinkNamed(parent, "lookup", d)
			<-ctx.Done()
			require.Equal(t, context.DeadlineExceeded, ctx.Err())
			require.Equal(t, context.DeadlineExceeded, context.Cause(ctx))
			cancel()
			stop()
		}
	})
}

func TestACancelBeforeTheTimeLeavesCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := ctxutil.ShrinkNamed(t.Context(), "lookup", time.Second)
		cancel()
		require.Equal(t, context.Canceled, ctx.Err())
		require.Equal(t, context.Canceled, context.Cause(ctx))

		time.Sleep(time.Minute)
		cancel()
		require.Equal(t, context.Canceled, context.Cause(ctx), "the time that passed later replaced the cause")
	})
}

func TestTheParentsCausePassesAtOnceToTheChildAndItsChildren(t *testing.T) {
	why := errors.New("the client is gone")
	for _, d := range []time.Duration{time.Second, time.Hour} { // with a timer and without
		outer, stop := context.WithTimeout(t.Context(), time.Minute)
		parent, end := context.WithCancelCause(outer)
		ctx, cancel := ctxutil.Shrink(parent, d)
		grandchild, release := context.WithCancel(ctx)
		end(why)
		for _, c := range []context.Context{ctx, grandchild} {
			require.Equal(t, context.Canceled, c.Err(), "not ended when the parent's cancel returned")
			require.Equal(t, why, context.Cause(c))
		}
		release()
		cancel()
		stop()
	}
}

func TestTheExpiryPassesToTheChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := ctxutil.ShrinkNamed(t.Context(), "lookup", time.Second)
		defer cancel()
		grandchild, release := context.WithCancel(ctx)
		defer release()
		<-grandchild.Done()
		require.Equal(t, "lookup", timeoutOf(t, grandchild).Name)
	})
}

func TestTheCancelEndsTheChildAloneAlsoWhereTheParentEndsSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		ctx, cancel := ctxutil.Shrink(parent, time.Hour)
		cancel()
		require.Equal(t, context.Canceled, ctx.Err())
		require.NoError(t, parent.Err())
	})
}

func TestATimeThatHasPassedIsUpOnReturn(t *testing.T) {
	// The third parent is past its deadline without knowing it yet, as happens
	// when the processor is late.
	plain, stop := context.WithTimeout(t.Context(), time.Hour)
	defer stop()
	late := lateContext{t.Context(), time.Now().Add(-time.Second)}
	for name, parent := range map[string]context.Context{"none": t.Context(), "later": plain, "late": late} {
		for _, d := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
			t.Run(fmt.Sprint(name, " ", d), func(t *testing.T) {
				ctx, cancel := ctxutil.ShrinkNamed(parent, "lookup", d)
				defer cancel()
				require.Equal(t, &ctxutil.TimeoutError{Name: "lookup", Limit: d}, timeoutOf(t, ctx))
				require.NoError(t, parent.Err())

				ended, ok := ctx.Deadline()
				require.True(t, ok)
				require.False(t, ended.After(time.Now()))
				if was, ok := parent.Deadline(); ok {
					require.False(t, ended.After(was), "the deadline was extended")
				}
			})
		}
	}
}

// lateContext has a deadline that nobody keeps.
type lateContext struct {
	context.Context
	deadline time.Time
}

func (c lateContext) Deadline() (time.Time, bool) { return c.deadline, true }

func TestAParentThatIsDoneNamesItselfWhateverTheTime(t *testing.T) {
	why := errors.New("the client is gone")
	parent, end := context.WithCancelCause(t.Context())
	end(why)
	for _, d := range []time.Duration{math.MinInt64, 0, time.Hour, math.MaxInt64} {
		ctx, cancel := ctxutil.ShrinkNamed(parent, "lookup", d)
		require.Equal(t, context.Canceled, ctx.Err())
		require.Equal(t, why, context.Cause(ctx))
		cancel()
	}
}

func TestTheLongestTimesNeverPass(t *testing.T) {
	never := func(t *testing.T, pass func()) {
		for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, 290 * 365 * 24 * time.Hour} {
			parent, stop := context.WithCancel(t.Context())
			ctx, cancel := ctxutil.Shrink(parent, d)
			pass()
			require.NoError(t, ctx.Err())
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			require.Greater(t, time.Until(deadline), 280*365*24*time.Hour)
			cancel()
			require.Equal(t, context.Canceled, ctx.Err())
			stop()
		}
	}
	never(t, func() {})
	synctest.Test(t, func(t *testing.T) { never(t, func() { time.Sleep(365 * 24 * time.Hour) }) })
}

func TestNoTimerIsMadeWhereTheParentEndsSooner(t *testing.T) {
	parent, stop := context.WithTimeout(t.Context(), time.Hour)
	defer stop()
	ctx, cancel := ctxutil.Shrink(parent, 2*time.Hour)
	defer cancel()
	plain, release := context.WithCancel(parent)
	defer release()
	require.Equal(t, fmt.Sprintf("%T", plain), fmt.Sprintf("%T", ctx))

	// The last proof: nothing of ours ends it, so it lives as long as a parent
	// that does not keep its own deadline.
	synctest.Test(t, func(t *testing.T) {
		parent := lateContext{t.Context(), time.Now().Add(time.Second)}
		ctx, cancel := ctxutil.Shrink(parent, time.Minute)
		defer cancel()
		time.Sleep(time.Hour)
		require.NoError(t, ctx.Err())
	})
}

func TestAShrinkUnderASoonerParentCostsWhatACancelCosts(t *testing.T) {
	parent, stop := context.WithTimeout(t.Context(), time.Hour)
	defer stop()
	plain := testing.AllocsPerRun(100, func() {
		_, cancel := context.WithCancel(parent)
		cancel()
	})
	shrunk := testing.AllocsPerRun(100, func() {
		_, cancel := ctxutil.ShrinkNamed(parent, "lookup", 2*time.Hour)
		cancel()
	})
	require.Equal(t, plain, shrunk)
}

func TestACancelledChildIsForgottenByItsParent(t *testing.T) {
	parent, stop := context.WithTimeout(t.Context(), time.Hour)
	defer stop()
	// With a timer some may wait for the runtime to tidy up what was stopped;
	// a parent that remembered its children would hold on to all of them.
	const made = 1000
	for _, d := range []time.Duration{time.Minute, 2 * time.Hour} {
		var held []weak.Pointer[[64]byte]
		for range made {
			held = append(held, shrinkAndCancel(parent, d))
		}
		runtime.GC()
		left := 0
		for _, p := range held {
			if p.Value() != nil {
				left++
			}
		}
		require.Less(t, left, made/2, "of %d cancelled contexts of %v", made, d)
	}
	require.NoError(t, parent.Err())
}

// shrinkAndCancel makes a bounded context, with a child that only its parent
// ends, cancels it, and returns what tells whether it is still held by anybody.
func shrinkAndCancel(parent context.Context, d time.Duration) weak.Pointer[[64]byte] {
	type key struct{}
	held := new([64]byte)
	ctx, cancel := ctxutil.Shrink(context.WithValue(parent, key{}, held), d)
	_, forgotten := ctxutil.Shrink(ctx, d/2)
	_ = forgotten
	cancel()
	return weak.Make(held)
}

func TestCancelsMayMeet(t *testing.T) {
	ctx, cancel := ctxutil.Shrink(t.Context(), time.Hour)
	done := make(chan struct{})
	for range 8 {
		go func() { // ends at once
			cancel()
			done <- struct{}{}
		}()
	}
	for range 8 {
		<-done
	}
	require.Equal(t, context.Canceled, context.Cause(ctx))
}

func TestShrinkOfANilContextPanics(t *testing.T) {
	var none context.Context
	require.PanicsWithValue(t, "ctxutil: Shrink of a nil context", func() { ctxutil.Shrink(none, time.Second) })
	require.PanicsWithValue(t, "ctxutil: Shrink of a nil context", func() { ctxutil.ShrinkNamed(none, "lookup", 0) })
}
