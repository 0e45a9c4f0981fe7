package ctxutil_test

// This file holds the tests of Detach: when the grace runs, what its end says,
// and when nothing of it is left.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

func TestADetachedContextOutlivesItsParentByTheGrace(t *testing.T) {
	for _, e := range ends {
		t.Run(e.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, stop := e.parent(t.Context())
				defer stop()
				ctx, cancel := ctxutil.Detach(parent, 10*time.Second)
				// Nobody asks for Done before it is over: the grace runs anyway.
				time.Sleep(time.Second + 10*time.Second - 1)
				synctest.Wait()
				require.Equal(t, e.err, parent.Err())
				require.NoError(t, ctx.Err())
				time.Sleep(1)
				synctest.Wait()
				timeout := timeoutOf(t, ctx)
				require.Equal(t, "grace", timeout.Name)
				require.Equal(t, 10*time.Second, timeout.Limit)
				require.Equal(t, 10*time.Second, timeout.Elapsed)
				text := "ctxutil: grace: timed out after 10s, limit 10s, after: " + e.err.Error()
				if e.cause != e.err {
					text += ": the client is gone"
				}
				require.EqualError(t, timeout, text)
				require.Equal(t, context.DeadlineExceeded, errors.Unwrap(timeout))
				require.NotErrorIs(t, timeout, context.Canceled)

				cancel()
				require.Same(t, timeout, timeoutOf(t, ctx), "a later cancel replaced the cause")
			})
		})
	}
}

func TestTheGraceUpReachesTheChildrenWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithCancel(t.Context())
		ctx, cancel := ctxutil.Detach(parent, time.Second)
		defer cancel()
		all, release := family(ctx)
		defer release()
		end()
		for who, c := range all {
			require.NoError(t, c.Err(), who)
		}
		<-ctx.Done()
		synctest.Wait() // its children end after it
		for who, c := range all {
			require.Equal(t, "grace", timeoutOf(t, c).Name, who)
		}
		late, stop := context.WithCancel(ctx)
		defer stop()
		require.Equal(t, "grace", timeoutOf(t, late).Name, "of a child made later")
	})
}

func TestACancelledDetachIsCanceledBeforeAndDuringTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, during := range []bool{false, true} {
			parent, end := context.WithCancelCause(t.Context())
			defer end(nil)
			ctx, cancel := ctxutil.Detach(parent, time.Second)
			if during {
				end(errGone)
				synctest.Wait()
			}
			all, release := family(ctx)
			cancel()
			for range 2 {
				for who, c := range all {
					require.Equal(t, context.Canceled, c.Err(), who)
					require.Equal(t, context.Canceled, context.Cause(c), who)
				}
				end(errGone)
				time.Sleep(time.Minute) // nothing is left to end it otherwise
				cancel()
			}
			release()
		}
	})
}

func TestTheGraceOfADoneContextCountsFromTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithTimeoutCause(t.Context(), time.Second, errGone)
		defer stop()
		time.Sleep(time.Hour)
		began := time.Now()
		ctx, cancel := ctxutil.Detach(parent, 2*time.Second)
		defer cancel()
		require.NoError(t, ctx.Err())
		deadline, ok := ctx.Deadline()
		require.True(t, ok)
		require.Equal(t, began.Add(2*time.Second), deadline)
		<-ctx.Done()
		require.Equal(t, 2*time.Second, time.Since(began))
		require.EqualError(t, context.Cause(ctx),
			"ctxutil: grace: timed out after 2s, limit 2s, after: context deadline exceeded: the client is gone")
	})
}

func TestTheDeadlineOfADetachIsNeverTooEarlyAndExactOnceKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		at := func(ctx context.Context) time.Duration {
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			return deadline.Sub(began)
		}
		parent, end := context.WithTimeout(t.Context(), time.Minute)
		ctx, cancel := ctxutil.Detach(parent, 10*time.Second)
		child, release := context.WithCancel(ctx)
		require.Equal(t, 70*time.Second, at(ctx))
		require.Equal(t, 70*time.Second, at(child))
		time.Sleep(5 * time.Second)
		end() // long before its deadline
		synctest.Wait()
		require.Equal(t, 15*time.Second, at(ctx))
		require.Equal(t, 15*time.Second, at(child))
		<-ctx.Done()
		require.Equal(t, 15*time.Second, time.Since(began))
		require.Equal(t, 15*time.Second, at(ctx))
		release()
		cancel()

		open, end := context.WithCancel(t.Context())
		ctx, cancel = ctxutil.Detach(open, time.Second)
		defer cancel()
		_, ok := ctx.Deadline()
		require.False(t, ok, "nobody knows yet")
		end()
		synctest.Wait()
		require.Equal(t, 16*time.Second, at(ctx))
	})
}

func TestTheGraceCountsFromTheDeadlineOfALateParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, end := context.WithCancel(t.Context())
		parent := lateContext{inner, time.Now().Add(time.Second)} // which ends three seconds after its deadline
		time.AfterFunc(4*time.Second, end)
		ctx, cancel := ctxutil.Detach(parent, 10*time.Second)
		defer cancel()
		promised, _ := ctx.Deadline()
		<-ctx.Done()
		require.Equal(t, promised, time.Now(), "lived on after the deadline that it had")
		require.Equal(t, "grace", timeoutOf(t, ctx).Name)

		// All of the grace is over when the parent ends.
		inner, end = context.WithCancel(t.Context())
		parent = lateContext{inner, time.Now().Add(time.Second)}
		ctx, cancel = ctxutil.Detach(parent, time.Second)
		defer cancel()
		time.Sleep(time.Hour)
		require.NoError(t, ctx.Err())
		end()
		synctest.Wait()
		require.Equal(t, "grace", timeoutOf(t, ctx).Name)
	})
}

func TestWithoutAGraceOrAnEndADetachIsAChild(t *testing.T) {
	for _, grace := range []time.Duration{0, -1, math.MinInt64} {
		parent, end := context.WithCancelCause(context.WithValue(t.Context(), key(0), "kept"))
		ctx, cancel := ctxutil.Detach(parent, grace)
		end(errGone)
		require.Equal(t, context.Canceled, ctx.Err(), "not ended when the parent's cancel returned")
		require.Equal(t, errGone, context.Cause(ctx))
		require.Equal(t, "kept", ctx.Value(key(0)))
		cancel()

		ctx, cancel = ctxutil.Detach(parent, grace) // of a parent that is done
		require.Equal(t, context.Canceled, ctx.Err())
		require.Equal(t, errGone, context.Cause(ctx))
		cancel()
	}
	for _, endless := range []context.Context{context.Background(), context.WithoutCancel(t.Context())} {
		ctx, cancel := ctxutil.Detach(endless, time.Second)
		_, ok := ctx.Deadline()
		require.False(t, ok)
		require.Equal(t, fmt.Sprint(endless, ".WithCancel"), fmt.Sprint(ctx), "more than a child was made")
		cancel()
		require.Equal(t, context.Canceled, ctx.Err())
		require.Equal(t, context.Canceled, context.Cause(ctx))
	}
}

func TestTheLongestGraceNeverPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, grace := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, 290 * 365 * 24 * time.Hour} {
			for _, limit := range []time.Duration{time.Second, math.MaxInt64} {
				parent, end := context.WithTimeout(t.Context(), limit)
				defer end()
				ctx, cancel := ctxutil.Detach(parent, grace)
				for range 2 { // before the parent's end and after
					time.Sleep(365 * 24 * time.Hour)
					synctest.Wait()
					require.NoError(t, ctx.Err())
					deadline, ok := ctx.Deadline()
					require.True(t, ok)
					require.Greater(t, time.Until(deadline), 280*365*24*time.Hour)
					end()
				}
				cancel()
				require.Equal(t, context.Canceled, ctx.Err())

				late, cancel := ctxutil.Detach(parent, grace) // of a done one
				time.Sleep(365 * 24 * time.Hour)
				require.NoError(t, late.Err())
				cancel()
			}
		}
	})
}

func TestADetachedContextKeepsTheValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithCancel(context.WithValue(t.Context(), key(0), "kept"))
		ctx, cancel := ctxutil.Detach(parent, time.Second)
		defer cancel()
		child, release := context.WithCancel(context.WithValue(ctx, key(1), "more"))
		defer release()
		check := func(when string) {
			require.Equal(t, "kept", ctx.Value(key(0)), when)
			require.Equal(t, "kept", child.Value(key(0)), when)
			require.Equal(t, "more", child.Value(key(1)), when)
			require.Nil(t, ctx.Value(key(2)), when)
			require.NoError(t, context.WithoutCancel(ctx).Err(), when)
			require.NoError(t, context.Cause(context.WithoutCancel(ctx)), when)
		}
		check("while the parent lives")
		end()
		synctest.Wait()
		check("during the grace")
		<-ctx.Done()
		check("after it")

		parent, end = context.WithCancel(context.WithValue(t.Context(), key(0), "kept"))
		end()
		ctx, cancel = ctxutil.Detach(parent, time.Second)
		defer cancel()
		require.Equal(t, "kept", ctx.Value(key(0)), "of a done parent")
	})
}

func TestALookUpInADetachedContextAllocatesNothing(t *testing.T) {
	parent, end := context.WithCancel(context.WithValue(t.Context(), key(0), "kept"))
	defer end()
	ctx, cancel := ctxutil.Detach(parent, time.Hour)
	defer cancel()
	k := any(key(0))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = ctx.Value(k) }))
}

func TestGracesAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		parent, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		one, cancelOne := ctxutil.Detach(parent, 2*time.Second)
		defer cancelOne()
		two, cancelTwo := ctxutil.Detach(one, 4*time.Second)
		defer cancelTwo()
		<-one.Done()
		require.Equal(t, 3*time.Second, time.Since(began))
		require.NoError(t, two.Err())
		<-two.Done()
		require.Equal(t, 7*time.Second, time.Since(began))
		require.EqualError(t, context.Cause(two), "ctxutil: grace: timed out after 4s, limit 4s, after: "+
			"context deadline exceeded: ctxutil: grace: timed out after 2s, limit 2s, after: context deadline exceeded")
	})
}

func TestDetachOfANilContextPanics(t *testing.T) {
	var none context.Context
	require.PanicsWithValue(t, "ctxutil: Detach of a nil context", func() { ctxutil.Detach(none, time.Second) })
}
