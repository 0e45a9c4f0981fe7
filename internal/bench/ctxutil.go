package main

// This file compares ctxutil with what people write by hand with package
// context, and with package context itself where that does the same.

import (
	"context"
	"errors"
	"time"

	"github.com/belay-go/belay/ctxutil"
)

// goroutineMerge is the merge that is written most: a goroutine for each, which
// waits for either. It has neither the values nor the deadline of second, and
// calls its expiry a cancel.
func goroutineMerge(first, second context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(first)
	go func() { // ends with ctx
		select {
		case <-second.Done():
			cancel(context.Cause(second))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// naiveMerge is the one that the examples of context.AfterFunc show, with
// the same faults.
func naiveMerge(first, second context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(first)
	stop := context.AfterFunc(second, func() { cancel(context.Cause(second)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// byHandDetach is a grace in four lines, which calls its end a cancel, and
// forgets its timer.
func byHandDetach(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	child, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { cancel(context.DeadlineExceeded) }) })
	return child, func() {
		stop()
		cancel(nil)
	}
}

var errNoTime = errors.New("no time left")

// byHandBudget is what Budget does, without saying who it was or what is needed.
func byHandBudget(ctx context.Context, reserve, least time.Duration) (context.Context, context.CancelFunc, error) {
	deadline, ok := ctx.Deadline()
	if ok && time.Until(deadline)-reserve < least {
		return nil, nil, errNoTime
	}
	child, cancel := context.WithDeadline(ctx, deadline.Add(-reserve))
	return child, cancel, nil
}

// maker makes one context; derive makes n, and cancels each.
type (
	maker  func() (context.Context, context.CancelFunc)
	derive func(n int, one maker)
)

func unused(n int, one maker) {
	for range n {
		_, cancel := one()
		cancel()
	}
}

// asked has somebody ask for Done, as every select does.
func asked(n int, one maker) {
	for range n {
		ctx, cancel := one()
		ctx.Done()
		cancel()
	}
}

// lasting returns a context that lives as long as this process.
func lasting(ctx context.Context, _ context.CancelFunc) context.Context { return ctx }

func derived(shape, peer string, target float64, how derive, theirs, ours maker) row {
	return row{
		shape: shape, peer: peer, target: target,
		theirs: func(n int) { how(n, theirs) },
		ours:   func(n int) { how(n, ours) },
	}
}

func ctxutilRows() []row {
	request := lasting(context.WithTimeout(context.WithValue(context.Background(), requestKey{}, "request"), time.Hour))
	process := lasting(context.WithCancel(context.Background()))
	return append(mergeRows(request, process),
		derived("ShrinkNamed and cancel", "WithTimeoutCause", 0, unused,
			func() (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(process, time.Minute, &ctxutil.TimeoutError{Name: "lookup", Limit: time.Minute})
			},
			func() (context.Context, context.CancelFunc) {
				return ctxutil.ShrinkNamed(process, "lookup", time.Minute)
			}),
		derived("ShrinkNamed below a sooner deadline", "WithTimeout", 0, unused,
			func() (context.Context, context.CancelFunc) { return context.WithTimeout(request, 24*time.Hour) },
			func() (context.Context, context.CancelFunc) {
				return ctxutil.ShrinkNamed(request, "lookup", 24*time.Hour)
			}),
		derived("Detach and cancel", "by hand", 0, unused,
			func() (context.Context, context.CancelFunc) { return byHandDetach(process, time.Minute) },
			func() (context.Context, context.CancelFunc) { return ctxutil.Detach(process, time.Minute) }),
		derived("Budget and cancel", "by hand", 0, unused,
			func() (context.Context, context.CancelFunc) {
				ctx, cancel, _ := byHandBudget(request, time.Second, time.Second)
				return ctx, cancel
			},
			func() (context.Context, context.CancelFunc) {
				ctx, cancel, _ := ctxutil.Budget(request, time.Second, time.Second)
				return ctx, cancel
			}),
		whyRow(),
	)
}

type requestKey struct{}

// mergeRows compare one merge, what hangs below it, and what ten thousand cost
// whoever ends the context that they have in common.
func mergeRows(request, process context.Context) []row {
	type merge func(first, second context.Context) (context.Context, context.CancelFunc)
	of := func(m merge) maker {
		return func() (context.Context, context.CancelFunc) { return m(request, process) }
	}
	below := func(ctx context.Context) maker {
		return func() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }
	}
	fanOut := func(m merge) func(n int) {
		return func(n int) {
			common, end := context.WithCancel(process)
			cancels := make([]context.CancelFunc, n)
			for i := range cancels {
				_, cancels[i] = m(common, process)
			}
			end()
			for _, cancel := range cancels {
				cancel()
			}
		}
	}
	merged := lasting(ctxutil.Merge(request, process))
	plain := lasting(context.WithCancel(request))
	return []row{
		derived("Merge and cancel", "goroutine", 1, unused, of(goroutineMerge), of(ctxutil.Merge)),
		derived("Merge, Done and cancel", "goroutine", 1, asked, of(goroutineMerge), of(ctxutil.Merge)),
		derived("Merge and cancel", "naive AfterFunc", 0, unused, of(naiveMerge), of(ctxutil.Merge)),
		derived("Merge, Done and cancel", "naive AfterFunc", 0, asked, of(naiveMerge), of(ctxutil.Merge)),
		derived("WithCancel below a Merge", "below a WithCancel", 0, unused, below(plain), below(merged)),
		{shape: "10,000 Merge ended by one parent", peer: "goroutine", n: 10_000, theirs: fanOut(goroutineMerge), ours: fanOut(ctxutil.Merge)},
	}
}

// whyRow has no peer but the two texts that Why begins with.
func whyRow() row {
	ctx, cancel := ctxutil.ShrinkNamed(context.Background(), "lookup", -1)
	defer cancel()
	return row{
		shape: "Why of an expiry", peer: "Err and Cause",
		theirs: func(n int) {
			for range n {
				_ = ctx.Err().Error() + ": " + context.Cause(ctx).Error()
			}
		},
		ours: func(n int) {
			for range n {
				_ = ctxutil.Why(ctx)
			}
		},
	}
}
