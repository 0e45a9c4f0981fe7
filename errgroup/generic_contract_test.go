package errgroup_test

// This file lists ForEach, Map, Stream and First for the contract suite.

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/internal/contract"
)

// barrier is what the tasks of the calls below wait at.
type barrier struct{ gate atomic.Pointer[chan struct{}] }

func (b *barrier) block() {
	gate := make(chan struct{})
	b.gate.Store(&gate)
}

func (b *barrier) free() {
	if gate := b.gate.Swap(nil); gate != nil {
		close(*gate)
	}
}

// pass waits until the barrier is open, or ctx is done.
func (b *barrier) pass(ctx context.Context) error {
	gate := b.gate.Load()
	if gate == nil {
		return nil
	}
	select {
	case <-*gate:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), context.Cause(ctx))
	}
}

// genericCalls are calls whose tasks wait at a barrier; what ends first decides.
func genericCalls() []contract.Call {
	one := errgroup.Options{Limit: 1}
	call := func(name string, do func(ctx context.Context, b *barrier) error) contract.Call {
		return contract.Call{Name: name, Kind: contract.Acquire, New: func() contract.Subject {
			b := new(barrier)
			return contract.Subject{Block: b.block, Free: b.free, Do: func(ctx context.Context) error { return do(ctx, b) }}
		}}
	}
	return []contract.Call{
		call("ForEach", func(ctx context.Context, b *barrier) error {
			return errgroup.ForEach(ctx, one, slices.Values([]int{1, 2}), func(ctx context.Context, _ int) error { return b.pass(ctx) })
		}),
		call("Map", func(ctx context.Context, b *barrier) error {
			_, err := errgroup.Map(ctx, one, []int{1, 2}, func(ctx context.Context, _ int) (int, error) { return 0, b.pass(ctx) })
			return err
		}),
		call("Stream", func(ctx context.Context, b *barrier) error {
			return last(errgroup.Stream(ctx, one, slices.Values([]int{1, 2}), func(ctx context.Context, _ int) (int, error) { return 0, b.pass(ctx) }))
		}),
		call("First", func(ctx context.Context, b *barrier) error {
			_, err := errgroup.First(ctx, one, func(ctx context.Context) (int, error) { return 0, b.pass(ctx) })
			return err
		}),
	}
}

// last returns the error of the last pair.
func last[R any](results iter.Seq2[R, error]) (err error) {
	for _, err = range results {
	}
	return err
}

func genericMisuses() []contract.Misuse {
	ctx := context.Background()
	var none errgroup.Options
	numbers := slices.Values([]int{1})
	task := func(context.Context, int) error { return nil }
	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	one := func(context.Context) (int, error) { return 1, nil }
	return []contract.Misuse{
		{Name: "ForEach with a nil func", Text: "errgroup: ForEach with a nil func", Do: func() { _ = errgroup.ForEach(ctx, none, numbers, nil) }},
		{Name: "ForEach with a nil sequence", Text: "errgroup: ForEach with a nil sequence", Do: func() { _ = errgroup.ForEach(ctx, none, nil, task) }},
		{Name: "Map with a nil func", Text: "errgroup: Map with a nil func", Do: func() { _, _ = errgroup.Map[int, int](ctx, none, nil, nil) }},
		{Name: "Stream with a nil func", Text: "errgroup: Stream with a nil func", Do: func() { errgroup.Stream[int, int](ctx, none, numbers, nil) }},
		{Name: "Stream with a nil sequence", Text: "errgroup: Stream with a nil sequence", Do: func() { errgroup.Stream(ctx, none, nil, double) }},
		{Name: "First without a func", Text: "errgroup: First without a func", Do: func() { _, _ = errgroup.First[int](ctx, none) }},
		{Name: "First with a nil func", Text: "errgroup: First with a nil func", Do: func() { _, _ = errgroup.First(ctx, none, one, nil) }},
	}
}
