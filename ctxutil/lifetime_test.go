package ctxutil_test

// This file holds what the derived contexts have in common: what they cost while
// they live, what is left of them afterwards, and that ends which meet are told
// as one of them.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

// derivation is a way to derive a context that outlives a second.
type derivation struct {
	name string
	from func(ctx context.Context) (context.Context, context.CancelFunc)
}

// derivations returns all of them; what is merged lives as long as process.
func derivations(process context.Context) []derivation {
	return []derivation{
		{"Shrink", func(ctx context.Context) (context.Context, context.CancelFunc) { return ctxutil.Shrink(ctx, time.Hour) }},
		{"Merge as first", func(ctx context.Context) (context.Context, context.CancelFunc) { return ctxutil.Merge(ctx, process) }},
		{"Merge as second", func(ctx context.Context) (context.Context, context.CancelFunc) { return ctxutil.Merge(process, ctx) }},
		{"Detach", func(ctx context.Context) (context.Context, context.CancelFunc) { return ctxutil.Detach(ctx, time.Hour) }},
		{"Budget", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, stop := context.WithTimeout(ctx, time.Hour)
			child, cancel, err := ctxutil.Budget(ctx, time.Second, 0)
			if err != nil {
				panic(err)
			}
			return child, func() { cancel(); stop() }
		}},
	}
}

func TestNoContextCostsAGoroutineNorDoItsChildren(t *testing.T) {
	const made, strangers = 1000, 100 // strangers: those of the rest of the process
	synctest.Test(t, func(t *testing.T) {
		process, stop := context.WithCancel(t.Context())
		defer stop()
		for _, d := range derivations(process) {
			parent, end := context.WithCancel(t.Context())
			before := goroutines()
			var cancels []context.CancelFunc
			for range made {
				ctx, cancel := d.from(parent)
				child, release := context.WithCancel(context.WithValue(ctx, key(0), 0))
				_, timed := context.WithTimeout(child, time.Minute)
				cancels = append(cancels, timed, release, cancel)
			}
			require.Less(t, goroutines()-before, strangers, "%s, live", d.name)
			end()
			require.Less(t, goroutines()-before, strangers, "%s, its parent ended", d.name)
			for _, cancel := range cancels {
				cancel()
			}
			require.Less(t, goroutines()-before, strangers, "%s, cancelled", d.name)
		}
	})
}

func goroutines() int {
	synctest.Wait()
	return runtime.NumGoroutine()
}

// foreign hides the type of a context, so that package context needs a
// goroutine to watch it.
type foreign struct {
	context.Context
	done chan struct{}
}

func newForeign(ctx context.Context) context.Context {
	f := foreign{ctx, make(chan struct{})}
	context.AfterFunc(ctx, func() { close(f.done) })
	return f
}

func (f foreign) Done() <-chan struct{} { return f.done }

func TestAForeignParentCostsOneGoroutineAndItsGrandchildrenNone(t *testing.T) {
	const made, strangers = 200, 100
	synctest.Test(t, func(t *testing.T) {
		process, stop := context.WithCancel(t.Context())
		defer stop()
		for _, d := range derivations(process) {
			parent, end := context.WithCancelCause(t.Context())
			before := goroutines()
			var children []context.Context
			var cancels []context.CancelFunc
			for range made {
				ctx, cancel := d.from(newForeign(parent))
				for range 10 {
					child, release := context.WithCancel(ctx)
					children = append(children, child)
					cancels = append(cancels, release)
				}
				cancels = append(cancels, cancel)
			}
			require.Less(t, goroutines()-before, made+strangers, "%s, live", d.name)
			if d.name != "Detach" {
				end(errGone)
				synctest.Wait()
				for _, child := range children {
					require.Equal(t, context.Canceled, child.Err(), d.name)
					require.Equal(t, errGone, context.Cause(child), d.name)
				}
			}
			for _, cancel := range cancels {
				cancel()
			}
			end(nil)
			require.Less(t, goroutines()-before, strangers, "%s, cancelled", d.name)
		}
	})
}

// Ten thousand requests merge with one process: once they are cancelled, the
// process knows none of them.
func TestWhatWasCancelledIsForgottenByAParentThatLivesOn(t *testing.T) {
	process, stop := context.WithCancel(t.Context())
	defer stop()
	for _, d := range derivations(process) {
		for _, also := range []string{"", ", its parent ended first"} {
			t.Run(d.name+also, func(t *testing.T) {
				requireForgotten(t, 10_000, func(held *[64]byte) {
					request, end := context.WithCancel(context.WithValue(t.Context(), key(0), held))
					defer end()
					if d.name == "Shrink" || d.name == "Detach" || d.name == "Budget" {
						request = context.WithValue(process, key(0), held)
					}
					ctx, cancel := d.from(request)
					_, forgotten := context.WithCancel(ctx)
					_ = forgotten
					if also != "" {
						end()
					}
					cancel()
				})
			})
		}
	}
	require.NoError(t, process.Err())
}

// requireForgotten calls use with something to hold on to, and fails if that is
// held on to afterwards.
func requireForgotten(t *testing.T, times int, use func(held *[64]byte)) {
	t.Helper()
	var all []weak.Pointer[[64]byte]
	for range times {
		held := new([64]byte)
		use(held)
		all = append(all, weak.Make(held))
	}
	held := func() (n int) {
		for _, p := range all {
			if p.Value() != nil {
				n++
			}
		}
		return n
	}
	// Timers that were stopped may be tidied up later, and goroutines end when
	// they come to it.
	for range 100 {
		if runtime.GC(); held() <= times/2 {
			break
		}
		runtime.Gosched()
	}
	require.LessOrEqual(t, held(), times/2, "of %d", times)
}

// A cancel that is forgotten is paid for until the context ends, not longer.
func TestAForgottenCancelIsForgottenWithTheEndOfItsParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		process, stop := context.WithCancel(t.Context())
		defer stop()
		for _, d := range derivations(process) {
			if d.name == "Merge as first" || d.name == "Merge as second" {
				continue // process lives on, and the doc says what that keeps
			}
			requireForgotten(t, 1000, func(held *[64]byte) {
				request, end := context.WithCancel(context.WithValue(process, key(0), held))
				_, forgotten := d.from(request)
				_ = forgotten
				end()
				if d.name == "Detach" {
					time.Sleep(2 * time.Hour)
				}
				synctest.Wait()
			})
		}
	})
}

// Of a merge that is as far as a forgotten cancel is forgotten.
func TestAForgottenCancelIsForgottenWithTheEndOfTheOtherParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		process, stop := context.WithCancel(t.Context())
		defer stop()
		for _, before := range []bool{true, false} { // the request is over before it is merged
			requireForgotten(t, 1000, func(held *[64]byte) {
				request, end := context.WithCancel(context.WithValue(t.Context(), key(0), held))
				if before {
					end()
				}
				_, forgotten := ctxutil.Merge(process, request)
				_ = forgotten
				end()
				synctest.Wait()
			})
		}
	})
}

func TestACancelDuringTheGraceLeavesNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requireForgotten(t, 1000, func(held *[64]byte) {
			request, end := context.WithCancel(context.WithValue(t.Context(), key(0), held))
			_, cancel := ctxutil.Detach(request, 1000*time.Hour)
			end()
			synctest.Wait()
			cancel()
		})
		// The cancel comes before the grace has had the time to begin.
		requireForgotten(t, 1000, func(held *[64]byte) {
			request, end := context.WithCancel(context.WithValue(t.Context(), key(0), held))
			_, cancel := ctxutil.Detach(request, 1000*time.Hour)
			end()
			cancel()
			synctest.Wait()
		})
	})
}

// outcome is what a context says of its end.
type outcome struct{ err, cause error }

func endOf(ctx context.Context) outcome { return outcome{ctx.Err(), context.Cause(ctx)} }

func TestEndsThatMeetAreToldAsOneOfThem(t *testing.T) {
	errFirst, errSecond := errors.New("first"), errors.New("second")
	for round := range 2000 {
		first, endFirst := context.WithCancelCause(t.Context())
		second, endSecond := context.WithCancelCause(t.Context())
		ctx, cancel := ctxutil.Merge(first, second)
		child, release := context.WithCancel(ctx)
		var all sync.WaitGroup
		all.Go(func() { endSecond(errSecond) })
		all.Go(func() { endFirst(errFirst) })
		if round%2 == 0 {
			all.Go(cancel)
			all.Go(cancel)
		}
		<-child.Done()
		said := endOf(ctx)
		require.Contains(t, []outcome{{context.Canceled, errFirst}, {context.Canceled, errSecond}, {context.Canceled, context.Canceled}}, said)
		require.Equal(t, said, endOf(child), "the child says otherwise")
		all.Wait()
		require.Equal(t, said, endOf(ctx), "it changed")
		release()
		cancel()
	}
}

func TestAGraceThatMeetsACancelIsOneOfTheTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled := 0
		for round := range 2000 {
			parent, end := context.WithCancel(t.Context())
			ctx, cancel := ctxutil.Detach(parent, time.Second)
			child, release := context.WithCancel(ctx)
			end()
			if round%2 == 0 {
				time.Sleep(time.Second) // the timer and we are woken in the same instant
			}
			go cancel() // ends at once
			<-child.Done()
			said := endOf(ctx)
			require.Equal(t, said, endOf(child))
			if said.err == context.Canceled {
				require.Equal(t, context.Canceled, said.cause)
				cancelled++
			} else {
				require.Equal(t, "grace", timeoutOf(t, ctx).Name)
			}
			synctest.Wait()
			time.Sleep(time.Minute)
			require.Equal(t, said, endOf(ctx), "it changed")
			release()
		}
		require.GreaterOrEqual(t, cancelled, 1000, "the rounds in which no time passes")
	})
}

// What somebody's own context with an expiry of its own gets wrong: asked for
// its cause after a later end of its parent, it has that one's.
func TestALaterEndOfTheParentNeverReplacesTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, name := range []string{"Shrink", "Merge", "Detach", "Budget"} {
			parent, end := context.WithCancelCause(t.Context())
			var ctx context.Context
			var cancel context.CancelFunc
			switch name {
			case "Shrink":
				ctx, cancel = ctxutil.Shrink(parent, time.Second)
			case "Merge":
				limit, stop := ctxutil.Shrink(t.Context(), time.Second)
				defer stop()
				ctx, cancel = ctxutil.Merge(parent, limit)
			case "Detach":
				limit, stop := ctxutil.Shrink(parent, time.Second)
				defer stop()
				ctx, cancel = ctxutil.Detach(limit, time.Second)
			case "Budget":
				limit, stop := ctxutil.Shrink(parent, 2*time.Second)
				defer stop()
				var err error
				ctx, cancel, err = ctxutil.Budget(limit, time.Second, 0)
				require.NoError(t, err)
			}
			<-ctx.Done()
			before := endOf(ctx)
			require.Equal(t, context.DeadlineExceeded, before.err, name)
			end(errGone)
			synctest.Wait()
			require.Equal(t, before, endOf(ctx), name)
			child, release := context.WithCancel(ctx)
			require.Equal(t, before, endOf(child), "%s: a child made later", name)
			release()
			cancel()
			require.Equal(t, before, endOf(ctx), name)
		}
	})
}

// Parent's deadline, own deadline, cancel: whichever of the three is first, the
// cause is of that layer.
func TestTheRightLayerIsNamedInAllThreeOrders(t *testing.T) {
	const early, late = time.Second, time.Minute
	synctest.Test(t, func(t *testing.T) {
		for _, order := range []string{"parent", "own", "cancel"} {
			for _, layer := range []string{"lookup", "budget", "grace"} {
				outer := late
				if order == "parent" {
					outer = early
				}
				parent, stop := ctxutil.ShrinkNamed(t.Context(), "request", outer)
				var ctx context.Context
				var cancel context.CancelFunc
				switch layer {
				case "lookup":
					ctx, cancel = ctxutil.ShrinkNamed(parent, "lookup", (early+late)/2)
				case "budget":
					var err error
					ctx, cancel, err = ctxutil.Budget(parent, early/2, 0)
					require.NoError(t, err)
					if order == "parent" { // whose deadline is never before the budget's, but it may end otherwise
						stop()
					}
				case "grace": // has no parent to end it
					ctx, cancel = ctxutil.Detach(parent, early)
				}
				if order == "cancel" {
					cancel()
				}
				<-ctx.Done()
				name := fmt.Sprint(layer, ", first ", order)
				switch {
				case order == "cancel":
					require.Equal(t, outcome{context.Canceled, context.Canceled}, endOf(ctx), name)
				case order == "parent" && layer == "budget":
					require.Equal(t, outcome{context.Canceled, context.Canceled}, endOf(ctx), name)
				case order == "parent" && layer == "lookup":
					require.Equal(t, "request", timeoutOf(t, ctx).Name, name)
				default:
					require.Equal(t, layer, timeoutOf(t, ctx).Name, name)
				}
				cancel()
				stop()
			}
		}
	})
}

func TestADeadlineWithoutAMonotonicPartIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 10 * time.Second
		parent, stop := context.WithDeadline(t.Context(), time.Now().Add(limit).Round(0).UTC())
		defer stop()
		began := time.Now()
		left := func(ctx context.Context) time.Duration {
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			return deadline.Sub(began)
		}
		merged, cancel := ctxutil.Merge(context.Background(), parent)
		defer cancel()
		budget, cancel, err := ctxutil.Budget(parent, 3*time.Second, 7*time.Second)
		require.NoError(t, err)
		defer cancel()
		detached, cancel := ctxutil.Detach(parent, time.Second)
		defer cancel()
		shrunk, cancel := ctxutil.Shrink(parent, time.Minute)
		defer cancel()
		sooner, cancel := ctxutil.Shrink(parent, time.Second)
		defer cancel()
		for ctx, want := range map[context.Context]time.Duration{
			merged: limit, budget: limit - 3*time.Second, detached: limit + time.Second, shrunk: limit, sooner: time.Second,
		} {
			require.Equal(t, want, left(ctx))
		}
		for _, ctx := range []context.Context{sooner, budget, merged, shrunk, detached} {
			want := left(ctx)
			<-ctx.Done()
			require.Equal(t, want, time.Since(began))
			require.Equal(t, context.DeadlineExceeded, ctx.Err())
		}
	})
}

// The clock on the wall is set at times: where a deadline has a monotonic part,
// what is derived from it has one.
func TestDeadlinesKeepTheirMonotonicPart(t *testing.T) {
	process, stop := context.WithCancel(t.Context())
	defer stop()
	parent, stop := context.WithTimeout(t.Context(), time.Hour)
	defer stop()
	for _, d := range derivations(process) {
		ctx, cancel := d.from(parent)
		deadline, ok := ctx.Deadline()
		require.True(t, ok, d.name)
		require.NotEqual(t, fmt.Sprint(deadline), fmt.Sprint(deadline.Round(0)), d.name)
		cancel()
	}
}

// Who ends a parent ends all of its children under the parent's lock, which
// package context holds meanwhile; ours are no exception, and add nothing to
// that but a goroutine each where the end has to be carried over.
func TestTenThousandChildrenEndWithOneParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		process, stop := context.WithCancel(t.Context())
		defer stop()
		for _, d := range derivations(process) {
			parent, end := context.WithCancelCause(t.Context())
			var all []context.Context
			var cancels []context.CancelFunc
			for range 10_000 {
				ctx, cancel := d.from(parent)
				all, cancels = append(all, ctx), append(cancels, cancel)
			}
			end(errGone)
			if d.name == "Detach" {
				time.Sleep(time.Hour)
			}
			synctest.Wait()
			for _, ctx := range all {
				if d.name == "Detach" {
					require.Equal(t, context.DeadlineExceeded, ctx.Err())
				} else if ctx.Err() != context.Canceled || context.Cause(ctx) != errGone {
					require.Equal(t, outcome{context.Canceled, errGone}, endOf(ctx), d.name)
				}
			}
			for _, cancel := range cancels {
				cancel()
			}
		}
	})
}
