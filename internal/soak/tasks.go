package main

// This file is what the acts do with tasks, times and contexts.

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/timeout"
)

// other returns a source of randomness for a goroutine of its own.
func other(random *rand.Rand) *rand.Rand { return rand.New(rand.NewPCG(random.Uint64(), 0)) }

func (w *world) options(random *rand.Rand) errgroup.Options {
	o := errgroup.Options{
		Limit: random.IntN(4), PanicsAsErrors: true, OnPanic: func(*belay.PanicError) {},
		SkipDone: random.IntN(2) == 0, Track: random.IntN(4) == 0, Errors: random.IntN(3) - 1,
		FreshGoroutines: random.IntN(4) == 0, Unordered: random.IntN(2) == 0,
	}
	if random.IntN(3) == 0 {
		o.Shared = w.shared
	}
	return o
}

func (w *world) groups(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	g, _ := errgroup.New(ctx, w.options(random))
	for range 1 + random.IntN(8) {
		own := other(random)
		switch random.IntN(3) {
		case 0:
			_ = g.GoContext(ctx, func(context.Context) error { return w.fault(own) })
		case 1:
			g.TryGo(func() error { return w.fault(own) })
		default:
			g.Go(func() error { return w.fault(own) })
		}
	}
	_ = g.Wait()
	if s := g.Stats(); s.InFlight != 0 {
		w.fail("a group at rest has %+v", s)
	}
}

// bigGroup gives tasks to a group that lives as long as the soak. As it was not
// made to keep panics, none of its tasks has one.
func (w *world) bigGroup(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	own := other(random)
	for range 4 {
		_ = w.group.GoContext(ctx, w.bigTask(own))
	}
}

func (w *world) bigTask(own *rand.Rand) func(context.Context) error {
	kind := own.IntN(10)
	d := time.Duration(own.IntN(1_000_000))
	return func(context.Context) error {
		defer w.inside("the group", &w.inGroup, 1, 2)()
		if kind == 0 {
			w.exits.Add(1)
			runtime.Goexit()
		}
		time.Sleep(d)
		return nil
	}
}

func (w *world) collections(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	items := make([]*rand.Rand, random.IntN(12))
	for i := range items {
		items[i] = other(random)
	}
	o := w.options(random)
	o.Shared = nil
	f := func(_ context.Context, r *rand.Rand) (int, error) { return 1, w.fault(r) }
	switch random.IntN(4) {
	case 0:
		_ = errgroup.ForEach(ctx, o, slices.Values(items), func(_ context.Context, r *rand.Rand) error { return w.fault(r) })
	case 1:
		_, _ = errgroup.Map(ctx, o, items, f)
	case 2:
		for range errgroup.Stream(ctx, o, slices.Values(items), f) {
			if random.IntN(6) == 0 {
				break
			}
		}
	default:
		var fs []func(context.Context) (int, error)
		for _, item := range items {
			fs = append(fs, func(ctx context.Context) (int, error) { return f(ctx, item) })
		}
		if len(fs) > 0 {
			_, _ = errgroup.First(ctx, o, fs...)
		}
	}
}

func (w *world) waits(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	var wg timeout.WaitGroup
	for range 1 + random.IntN(4) {
		leaves, d := random.IntN(10) == 0, time.Duration(random.IntN(300_000))
		task := func() {
			if leaves {
				w.exits.Add(1)
				runtime.Goexit()
			}
			time.Sleep(d)
		}
		wg.Go(task)
		w.tasks.Go(task)
	}
	if err := wg.WaitContext(ctx); err != nil && ctx.Err() == nil {
		w.fail("a wait was given up before its context: %v", err)
	}
	wg.WaitTimeout(time.Duration(random.IntN(100_000)))
	wg.Wait()
	if wg.Len() != 0 {
		w.fail("%d tasks after Wait", wg.Len())
	}
}

func (w *world) abandons(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	own := other(random)
	d := time.Duration(random.IntN(300_000))
	f := func(context.Context) (int, error) { // heeds no context
		time.Sleep(time.Duration(own.IntN(600_000)))
		if own.IntN(10) == 0 {
			w.exits.Add(1)
			runtime.Goexit()
		}
		return 1, nil
	}
	if random.IntN(2) == 0 {
		_, _ = timeout.Abandon(&w.late, ctx, d, f)
		return
	}
	_, err := timeout.Run(ctx, d, func(ctx context.Context) (int, error) { return 1, ctxutil.Sleep(ctx, time.Millisecond) })
	var late *ctxutil.TimeoutError
	if err == nil || ctx.Err() == nil && !errors.As(err, &late) && !errors.Is(err, context.DeadlineExceeded) {
		w.fail("a millisecond in %v: %v", d, err)
	}
}

func (w *world) timers(random *rand.Rand) {
	ctx, cancel := w.context(random)
	defer cancel()
	short := func() time.Duration { return time.Duration(random.IntN(200_000)) }
	t := timeout.Timer{Func: func() {}}
	t.Reset(short())
	t.Extend(short())
	t.Shrink(short())
	dog := timeout.Watchdog{Idle: 50*time.Microsecond + short(), Func: func() {}}
	dog.Start()
	dog.Begin()
	tick := timeout.Ticker{Every: 20*time.Microsecond + short()}
	for range 3 {
		_ = tick.Wait(ctx)
		dog.Touch()
	}
	dog.End()
	defer dog.Stop()
	defer t.StopWait()
	_ = w.fault(random)
}

func (w *world) contexts(random *rand.Rand) {
	a, cancelA := w.context(random)
	defer cancelA()
	b, cancelB := w.context(random)
	defer cancelB()
	both, cancel := ctxutil.Merge(a, b)
	defer cancel()
	short, cancelShort := ctxutil.ShrinkNamed(both, "soak", time.Duration(random.IntN(400_000)))
	defer cancelShort()
	after, cancelAfter := ctxutil.Detach(short, time.Duration(random.IntN(400_000)))
	defer cancelAfter()
	if budget, cancelBudget, err := ctxutil.Budget(after, 50*time.Microsecond, 10*time.Microsecond); err == nil {
		defer cancelBudget()
		_ = ctxutil.Sleep(budget, time.Duration(random.IntN(1_000_000)))
	}
	_ = ctxutil.Why(short)
	_ = w.fault(random)
}
