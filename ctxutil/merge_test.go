package ctxutil_test

// This file holds the tests of Merge: who ends a merged context, what it then
// says, and what it has of either parent.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

var errGone = errors.New("the client is gone")

// ended is one way for a parent to end, after a second, and what it says then.
type ended struct {
	name       string
	parent     func(context.Context) (context.Context, context.CancelFunc)
	err, cause error
}

var ends = []ended{
	{"a cancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Second, cancel)
		return ctx, cancel
	}, context.Canceled, context.Canceled},
	{"a cancel with a cause", func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(time.Second, func() { cancel(errGone) })
		return ctx, func() { cancel(nil) }
	}, context.Canceled, errGone},
	{"a deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Second)
	}, context.DeadlineExceeded, context.DeadlineExceeded},
	{"a deadline with a cause", func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, time.Second, errGone)
	}, context.DeadlineExceeded, errGone},
}

// patients are parents that do not end within the second.
var patients = map[string]func(context.Context) (context.Context, context.CancelFunc){
	"a patient one": context.WithCancel,
	"one with a later deadline": func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Minute)
	},
	"one that never ends": func(context.Context) (context.Context, context.CancelFunc) {
		return context.Background(), func() {}
	},
}

// family is a context and what package context derives from it.
func family(ctx context.Context) (all map[string]context.Context, release func()) {
	child, cancel := context.WithCancel(ctx)
	timed, stop := context.WithTimeout(ctx, time.Hour)
	valued, end := context.WithCancel(context.WithValue(timed, key(9), 9))
	all = map[string]context.Context{"itself": ctx, "a child": child, "a timed child": timed, "a grandchild": valued}
	return all, func() { end(); stop(); cancel() }
}

type key int

func TestAMergedContextEndsAsTheFirstOfItsParentsToEnd(t *testing.T) {
	for _, e := range ends {
		for name, patient := range patients {
			for _, swapped := range []bool{false, true} {
				t.Run(fmt.Sprint(e.name, ", ", name, ", swapped ", swapped), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						first, stopFirst := e.parent(t.Context())
						second, stopSecond := patient(t.Context())
						if swapped {
							first, second = second, first
						}
						ctx, cancel := ctxutil.Merge(first, second)
						all, release := family(ctx)
						time.Sleep(time.Second - 1)
						synctest.Wait()
						for who, c := range all {
							require.NoError(t, c.Err(), who)
						}
						time.Sleep(1)
						synctest.Wait()
						check := func(when string) {
							for who, c := range all {
								require.Equal(t, e.err, c.Err(), "%s, %s", who, when)
								require.Equal(t, e.cause, context.Cause(c), "%s, %s", who, when)
							}
						}
						check("at the end")
						// A later end, of anybody, changes nothing.
						stopSecond()
						stopFirst()
						synctest.Wait()
						check("after the other's end")
						cancel()
						check("after its own cancel")
						release()
					})
				})
			}
		}
	}
}

func TestACancelledMergeIsCanceledAndLeavesItsParents(t *testing.T) {
	for name, patient := range patients {
		synctest.Test(t, func(t *testing.T) {
			first, stopFirst := context.WithTimeout(t.Context(), time.Minute)
			second, stopSecond := patient(t.Context())
			ctx, cancel := ctxutil.Merge(first, second)
			all, release := family(ctx)
			cancel()
			for range 2 {
				for who, c := range all {
					require.Equal(t, context.Canceled, c.Err(), "%s, %s", who, name)
					require.Equal(t, context.Canceled, context.Cause(c), "%s, %s", who, name)
				}
				require.NoError(t, errors.Join(first.Err(), second.Err()))
				cancel() // once more
			}
			release()
			stopSecond()
			stopFirst()
		})
	}
}

func TestTheEndOfTheSoonerParentIsThereAtOnce(t *testing.T) {
	sooner, end := context.WithCancelCause(t.Context())
	sooner, stop := context.WithTimeout(sooner, time.Minute)
	defer stop()
	later, release := context.WithTimeout(t.Context(), time.Hour)
	defer release()
	one, cancelOne := ctxutil.Merge(sooner, later)
	defer cancelOne()
	two, cancelTwo := ctxutil.Merge(later, sooner)
	defer cancelTwo()
	child, cancel := context.WithCancel(two)
	defer cancel()
	open, endOpen := context.WithCancelCause(t.Context())
	three, cancelThree := ctxutil.Merge(context.Background(), open)
	defer cancelThree()
	end(errGone)
	endOpen(errGone)
	for _, ctx := range []context.Context{one, two, three, child} {
		require.Equal(t, context.Canceled, ctx.Err(), "not ended when the parent's cancel returned")
		require.Equal(t, errGone, context.Cause(ctx))
	}
}

func TestAMergeWithADoneContextIsDoneOnReturn(t *testing.T) {
	done, end := context.WithCancelCause(t.Context())
	end(errGone)
	expired, stop := context.WithTimeoutCause(t.Context(), -1, errors.New("too late"))
	defer stop()
	live, release := context.WithTimeout(t.Context(), time.Hour)
	defer release()
	for name, test := range map[string]struct{ first, second, as context.Context }{
		"first":                 {done, live, done},
		"second":                {live, done, done},
		"expired first":         {expired, live, expired},
		"expired second":        {live, expired, expired},
		"below nothing":         {context.Background(), done, done},
		"above nothing":         {done, context.Background(), done},
		"both, so it is first":  {done, expired, done},
		"both, the other first": {expired, done, expired},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := ctxutil.Merge(test.first, test.second)
			defer cancel()
			child, release := context.WithCancel(ctx)
			defer release()
			for _, c := range []context.Context{ctx, child} { // without a wait for anybody
				require.Equal(t, test.as.Err(), c.Err())
				require.Equal(t, context.Cause(test.as), context.Cause(c))
			}
		})
	}
}

func TestTheDeadlineOfAMergeIsTheSooner(t *testing.T) {
	none, stopNone := context.WithCancel(t.Context())
	defer stopNone()
	soon, stopSoon := context.WithTimeout(t.Context(), time.Minute)
	defer stopSoon()
	late, stopLate := context.WithTimeout(t.Context(), time.Hour)
	defer stopLate()
	check := func(first, second context.Context, want context.Context) {
		ctx, cancel := ctxutil.Merge(first, second)
		defer cancel()
		child, release := context.WithTimeout(ctx, 24*time.Hour)
		defer release()
		deadline, has := want.Deadline()
		ours, ok := ctx.Deadline()
		require.Equal(t, has, ok)
		require.Equal(t, deadline, ours)
		if has {
			ours, _ = child.Deadline()
			require.Equal(t, deadline, ours, "of a child")
		}
	}
	for range 2 { // the second time with parents that are done, which keep their deadlines
		check(soon, late, soon)
		check(late, soon, soon)
		check(soon, none, soon)
		check(none, soon, soon)
		check(context.Background(), soon, soon)
		check(none, none, none)
		check(none, context.Background(), none)
		stopNone()
		stopLate()
	}
}

func TestAMergeHasTheValuesOfFirstBeforeThoseOfSecond(t *testing.T) {
	type pointer *int
	first := context.WithValue(context.WithValue(context.WithValue(context.WithValue(t.Context(),
		key(0), "first"), key(1), "first"), key(2), nil), key(3), pointer(nil))
	second := context.WithValue(context.WithValue(context.WithValue(context.WithValue(t.Context(),
		key(1), "second"), key(2), "second"), key(3), "second"), key(4), "second")
	timed := func(ctx context.Context) context.Context { // the native one, then
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		t.Cleanup(cancel)
		return ctx
	}
	end := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	}
	for name, parents := range map[string][2]context.Context{
		"no deadline": {first, second}, "first sooner": {timed(first), second}, "second sooner": {first, timed(second)},
		"first done": {end(first), second}, "second done": {first, end(second)},
		"without ends": {context.WithoutCancel(first), context.WithoutCancel(second)},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := ctxutil.Merge(parents[0], parents[1])
			defer cancel()
			child, release := context.WithCancel(ctx)
			defer release()
			for _, c := range []context.Context{ctx, child, context.WithoutCancel(ctx)} {
				require.Equal(t, "first", c.Value(key(0)))
				require.Equal(t, "first", c.Value(key(1)), "both have it")
				require.Equal(t, "second", c.Value(key(2)), "a nil of first hid it")
				require.Equal(t, pointer(nil), c.Value(key(3)), "a nil of a type is a value")
				require.Equal(t, "second", c.Value(key(4)), "only second has it")
				require.Nil(t, c.Value(key(5)))
				require.Nil(t, c.Value("another type"))
			}
		})
	}
}

// A child asks the values of its parent whom to attach to, and those of a
// merged context come from two.
func TestEitherParentEndsAChildOfAMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i := range 4 {
			var parents [2]context.Context
			var end [2]context.CancelCauseFunc
			for j := range parents {
				parents[j], end[j] = context.WithCancelCause(t.Context())
			}
			if i >= 2 { // second is the native one
				var stop context.CancelFunc
				parents[1], stop = context.WithTimeout(parents[1], time.Hour)
				defer stop()
			}
			ctx, cancel := ctxutil.Merge(parents[0], parents[1])
			child, release := context.WithTimeout(context.WithValue(ctx, key(0), 1), time.Minute)
			end[i%2](errGone)
			synctest.Wait()
			require.Equal(t, context.Canceled, child.Err())
			require.Equal(t, errGone, context.Cause(child))
			require.NoError(t, parents[1-i%2].Err())
			release()
			cancel()
			end[0](nil)
			end[1](nil)
		}
	})
}

func TestWhatEndedBeforeTheCancelStaysTheCause(t *testing.T) {
	for range 1000 { // the goroutine that carries the end over may or may not have run
		first, endFirst := context.WithCancel(t.Context())
		second, endSecond := context.WithCancelCause(t.Context())
		ctx, cancel := ctxutil.Merge(first, second)
		endSecond(errGone)
		cancel()
		require.Equal(t, context.Canceled, ctx.Err(), "not ended by its cancel")
		require.Equal(t, errGone, context.Cause(ctx))
		endFirst()
	}
}

func TestTwoParentsThatExpireTogetherAreAnExpiry(t *testing.T) {
	causes := [2]error{errors.New("of first"), errors.New("of second")}
	for _, gap := range []time.Duration{0, 1, -1, time.Millisecond, -time.Millisecond} { // second is later by
		synctest.Test(t, func(t *testing.T) {
			for range 200 {
				deadline := time.Now().Add(time.Second)
				first, stopFirst := context.WithDeadlineCause(t.Context(), deadline, causes[0])
				second, stopSecond := context.WithDeadlineCause(t.Context(), deadline.Add(gap), causes[1])
				ctx, cancel := ctxutil.Merge(first, second)
				child, release := context.WithCancel(ctx)
				<-child.Done()
				require.Equal(t, context.DeadlineExceeded, ctx.Err())
				require.Equal(t, context.DeadlineExceeded, child.Err())
				sooner := causes[0]
				if gap < 0 {
					sooner = causes[1]
				}
				require.Equal(t, sooner, context.Cause(child))
				release()
				cancel()
				stopSecond()
				stopFirst()
			}
		})
	}
}

func TestAMergeDoesNotTrustAForeignDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		honest, stop := context.WithTimeoutCause(t.Context(), 2*time.Second, errGone)
		defer stop()
		endless, release := context.WithCancel(t.Context())
		defer release()
		ctx, cancel := ctxutil.Merge(honest, lateContext{endless, time.Now().Add(time.Second)})
		defer cancel()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, context.Canceled, ctx.Err(), "ended neither by the one nor by the other")
		require.Equal(t, errGone, context.Cause(ctx))

		// Its own cancel does not wait for that second.
		honest, stop = context.WithTimeout(t.Context(), time.Second)
		defer stop()
		ctx, cancel = ctxutil.Merge(honest, lateContext{endless, time.Now().Add(time.Second - 1)})
		time.Sleep(time.Second)
		synctest.Wait()
		require.NoError(t, ctx.Err())
		cancel()
		require.Equal(t, context.Canceled, ctx.Err())
	})
}

func TestADeadlineOfWhatNeverEndsIsNobodysEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		honest, stop := context.WithTimeoutCause(t.Context(), 2*time.Second, errGone)
		defer stop()
		began := time.Now()
		ctx, cancel := ctxutil.Merge(honest, lateContext{context.Background(), began.Add(time.Second)})
		defer cancel()
		<-ctx.Done()
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Equal(t, outcome{context.DeadlineExceeded, errGone}, endOf(ctx))
	})
}

func TestAMergeOfWhatEndsTogetherCostsOneWatchLess(t *testing.T) {
	parent, stop := context.WithCancel(t.Context())
	defer stop()
	other, end := context.WithCancel(t.Context())
	defer end()
	valued := context.WithValue(parent, key(0), 0)
	allocs := func(second context.Context) float64 {
		return testing.AllocsPerRun(100, func() {
			_, cancel := ctxutil.Merge(parent, second)
			cancel()
		})
	}
	two := allocs(other)
	require.Less(t, allocs(parent), two)
	require.Less(t, allocs(valued), two)
	require.Less(t, allocs(context.Background()), two)
}

func TestADeadlineThatWasNotAnnouncedIsACancelWithItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, first := range []bool{true, false} {
			request, end := context.WithCancel(t.Context())
			finishing, release := ctxutil.Detach(request, time.Second)
			process, stop := context.WithCancel(t.Context())
			parents := [2]context.Context{process, finishing}
			if first {
				parents = [2]context.Context{finishing, process}
			}
			ctx, cancel := ctxutil.Merge(parents[0], parents[1])
			end()
			<-ctx.Done()
			want := context.Canceled
			if first {
				want = context.DeadlineExceeded
			}
			require.Equal(t, want, ctx.Err())
			require.Equal(t, context.Cause(finishing), context.Cause(ctx))
			require.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
			cancel()
			stop()
			release()
		}
	})
}

func TestAContextMayBeMergedWithItselfAndItsAncestors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, pair := range map[string]func(parent, child context.Context) (first, second context.Context){
			"itself": func(_, c context.Context) (context.Context, context.Context) { return c, c },
			"itself with a value": func(_, c context.Context) (context.Context, context.Context) {
				return c, context.WithValue(c, key(7), 7)
			},
			"its ancestor":          func(p, c context.Context) (context.Context, context.Context) { return c, p },
			"its descendant":        func(p, c context.Context) (context.Context, context.Context) { return p, c },
			"a merge of it":         func(p, c context.Context) (context.Context, context.Context) { return merge(t, p, c), c },
			"a merge of its merges": func(p, c context.Context) (context.Context, context.Context) { return merge(t, p, c), merge(t, c, p) },
		} {
			for _, endParent := range []bool{true, false} {
				parent, end := context.WithCancelCause(t.Context())
				child, endChild := context.WithCancelCause(parent)
				first, second := pair(parent, child)
				ctx := merge(t, first, second)
				if second.Value(key(7)) != nil {
					require.Equal(t, 7, ctx.Value(key(7)), name)
				}
				require.NoError(t, ctx.Err(), name)
				if endParent {
					end(errGone)
				} else {
					endChild(errGone)
				}
				synctest.Wait()
				require.Equal(t, context.Canceled, ctx.Err(), name)
				require.Equal(t, errGone, context.Cause(ctx), name)
				endChild(nil)
				end(nil)
			}
		}
	})
}

// merge merges until the test ends.
func merge(t *testing.T, first, second context.Context) context.Context {
	ctx, cancel := ctxutil.Merge(first, second)
	t.Cleanup(cancel)
	return ctx
}

func TestAMergeOfTwoThatNeverEndEndsByItsCancel(t *testing.T) {
	ctx, cancel := ctxutil.Merge(context.Background(), context.TODO())
	require.NoError(t, ctx.Err())
	cancel()
	<-ctx.Done()
	require.Equal(t, context.Canceled, ctx.Err())
	require.Equal(t, context.Canceled, context.Cause(ctx))
}

func TestAFuncAfterAMergeRunsOnceAndOnlyAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, endFirst := context.WithCancel(t.Context())
		second, endSecond := context.WithCancel(t.Context())
		ctx, cancel := ctxutil.Merge(first, second)
		ran := 0
		context.AfterFunc(ctx, func() { ran++ })
		stop := context.AfterFunc(ctx, func() { ran += 100 })
		require.True(t, stop())
		synctest.Wait()
		require.Zero(t, ran)
		endSecond()
		endFirst()
		cancel()
		synctest.Wait()
		require.Equal(t, 1, ran)
		require.NoError(t, context.WithoutCancel(ctx).Err())
	})
}

func TestMergeOfANilContextPanics(t *testing.T) {
	var none context.Context
	const text = "ctxutil: Merge of a nil context"
	require.PanicsWithValue(t, text, func() { ctxutil.Merge(none, t.Context()) })
	require.PanicsWithValue(t, text, func() { ctxutil.Merge(t.Context(), none) })
}
