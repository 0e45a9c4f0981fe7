package timeout_test

// This file lists Run, Abandon and the Runner for the contract suite.

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/timeout"
)

// barrier is what the functions of the calls below wait at.
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

// obey waits until the barrier is open, or ctx is done.
func (b *barrier) obey(ctx context.Context) (int, error) {
	if gate := b.gate.Load(); gate != nil {
		select {
		case <-*gate:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, nil
}

// ignore waits until the barrier is open.
func (b *barrier) ignore(context.Context) (int, error) {
	if gate := b.gate.Load(); gate != nil {
		<-*gate
	}
	return 0, nil
}

func runCalls() []contract.Call {
	return []contract.Call{
		{Name: "Run", Kind: contract.Acquire, New: func() contract.Subject {
			b := new(barrier)
			do := func(ctx context.Context, d time.Duration) error {
				_, err := timeout.Run(ctx, d, b.obey)
				return err
			}
			return contract.Subject{
				Block: b.block,
				Free:  b.free,
				Do:    func(ctx context.Context) error { return do(ctx, 1000*time.Hour) },
				For:   func(d time.Duration) bool { return do(context.Background(), d) == nil },
			}
		}},
		{Name: "Abandon", Kind: contract.Acquire, New: func() contract.Subject {
			b, r := new(barrier), new(timeout.Runner)
			do := func(ctx context.Context, d time.Duration) error {
				_, err := timeout.Abandon(r, ctx, d, b.ignore)
				return err
			}
			return contract.Subject{
				Block: b.block,
				Free:  b.free,
				Do:    func(ctx context.Context) error { return do(ctx, 1000*time.Hour) },
				For:   func(d time.Duration) bool { return do(context.Background(), d) == nil },
				Rest:  func() { _ = r.WaitContext(context.Background()) },
			}
		}},
		{Name: "Runner.WaitContext", Kind: contract.Collect, New: func() contract.Subject {
			b, r := new(barrier), new(timeout.Runner)
			return contract.Subject{
				Block: func() {
					b.block()
					ctx, cancel := context.WithCancel(context.Background())
					_, _ = timeout.Abandon(r, ctx, time.Hour, func(ctx context.Context) (int, error) {
						cancel() // it has begun, so it is left behind
						return b.ignore(ctx)
					})
				},
				Free: b.free,
				Do:   r.WaitContext,
			}
		}},
	}
}

func runMisuses() []contract.Misuse {
	var none context.Context
	var r timeout.Runner
	ctx := context.Background()
	intact := func() error {
		_, err := timeout.Abandon(&r, ctx, time.Hour, new(barrier).obey)
		return err
	}
	return []contract.Misuse{
		{Name: "Run with nil", Text: "timeout: Run with a nil context", Do: func() { _, _ = timeout.Run(none, 1, obedient) }},
		{Name: "Run of nil", Text: "timeout: Run of a nil function", Do: func() { _, _ = timeout.Run[int](ctx, 1, nil) }},
		{Name: "Abandon with nil", Text: "timeout: Abandon with a nil context", Do: func() { _, _ = timeout.Abandon(&r, none, 1, obedient) }, Intact: intact},
		{Name: "Abandon with no Runner", Text: "timeout: Abandon with a nil Runner", Do: func() { _, _ = timeout.Abandon(nil, ctx, 1, obedient) }},
		{Name: "Abandon of nil", Text: "timeout: Abandon of a nil function", Do: func() { _, _ = timeout.Abandon[int](&r, ctx, 1, nil) }, Intact: intact},
	}
}
