package edges_test

// Tasks: what they see, and who sees what they did.

import (
	"context"
	"slices"

	"github.com/belay-go/belay/errgroup"
)

var ctx = context.Background()

var ofGroups = []edge{
	{"errgroup.Group: the call of Go → its task", func(x *cell) {
		var g errgroup.Group
		x.write()
		g.Go(func() error { x.read(); return nil })
		x.late()
		_ = g.Wait()
	}},
	{"errgroup.Group: a task → the return of Wait", func(x *cell) {
		var g errgroup.Group
		g.Go(func() error { x.task(); return nil })
		_ = g.Wait()
		x.read()
		x.join()
	}},
	{"errgroup.Group: a task → the return of WaitContext, when it is nil", func(x *cell) {
		g, _ := errgroup.New(ctx, errgroup.Options{Limit: 2, Track: true})
		_ = g.GoContext(ctx, func(context.Context) error { x.task(); return nil })
		if g.WaitContext(ctx) == nil {
			x.read()
		}
		x.join()
	}},
	{"errgroup.Group: a task → under a limit, the task that gets its slot", func(x *cell) {
		var g errgroup.Group
		g.SetLimit(1)
		g.Go(func() error { x.task(); return nil })
		g.Go(func() error { x.read(); return nil })
		_ = g.Wait()
		x.join()
	}},
	{"errgroup.ForEach: the yield of an item → its task", func(x *cell) {
		_ = errgroup.ForEach(ctx, errgroup.Options{}, func(yield func(int) bool) {
			x.write()
			yield(1)
			x.late()
		}, func(context.Context, int) error { x.read(); return nil })
	}},
	{"errgroup.ForEach: a task → its return", func(x *cell) {
		_ = errgroup.ForEach(ctx, errgroup.Options{}, slices.Values([]int{1}), func(context.Context, int) error { x.task(); return nil })
		x.read()
		x.join()
	}},
	{"errgroup.Map: the call → the tasks", func(x *cell) {
		x.write()
		_, _ = errgroup.Map(ctx, errgroup.Options{Limit: 2}, []int{1, 2}, func(_ context.Context, i int) (int, error) {
			if i == 1 {
				x.beside(x.late)
				x.read()
			}
			return i, nil
		})
		x.join()
	}},
	{"errgroup.Map: a task → its return", func(x *cell) {
		_, _ = errgroup.Map(ctx, errgroup.Options{}, []int{1, 2}, func(_ context.Context, i int) (int, error) {
			if i == 1 {
				x.task()
			}
			return i, nil
		})
		x.read()
		x.join()
	}},
	{"errgroup.Stream: a task → the body that gets its result", func(x *cell) {
		for range errgroup.Stream(ctx, errgroup.Options{Limit: 2}, slices.Values([]int{1}), func(context.Context, int) (int, error) { x.task(); return 1, nil }) {
			x.read()
		}
		x.join()
	}},
	{"errgroup.First: every func that it has called → its return", func(x *cell) {
		var called hint
		loser := func(ctx context.Context) (int, error) { called.give(); <-ctx.Done(); x.task(); return 0, ctx.Err() }
		winner := func(context.Context) (int, error) { called.await(); return 1, nil }
		_, _ = errgroup.First(ctx, errgroup.Options{}, loser, winner)
		x.read()
		x.join()
	}},
}

// task writes as a task does; planted, by a goroutine that it leaves behind.
func (x *cell) task() {
	x.write()
	if x.planted {
		x.beside(x.late)
	}
}
