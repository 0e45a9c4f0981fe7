package errgroup_test

// This file runs the contract suite on the group's calls.

import (
	"context"
	"errors"
	"testing"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// occupied is a group at limit 1 whose slot Block takes and Free gives back.
func occupied() (g *errgroup.Group, block, free func()) {
	g = new(errgroup.Group)
	g.SetLimit(1)
	var release chan struct{}
	block = func() {
		release = make(chan struct{})
		hold := release
		g.Go(func() error { <-hold; return nil })
	}
	return g, block, func() { close(release) }
}

func TestContract(t *testing.T) {
	contract.Run(t, contract.Table{
		Calls: append([]contract.Call{
			{Name: "Group.Go", Kind: contract.Plain, New: func() contract.Subject {
				g, block, free := occupied()
				return contract.Subject{Block: block, Free: free, Rest: func() { _ = g.Wait() }, Do: func(context.Context) error {
					ran := make(chan struct{})
					g.Go(func() error { close(ran); return nil })
					<-ran
					return nil
				}}
			}},
			{Name: "Group.GoContext", Kind: contract.Acquire, New: func() contract.Subject {
				g, block, free := occupied()
				return contract.Subject{Block: block, Free: free, Rest: func() { _ = g.Wait() }, Do: func(ctx context.Context) error {
					ran := make(chan struct{})
					err := g.GoContext(ctx, func(context.Context) error { close(ran); return nil })
					if err == nil {
						<-ran
					}
					return err
				}}
			}},
			{Name: "Group.WaitContext", Kind: contract.Collect, New: func() contract.Subject {
				g, block, free := occupied()
				return contract.Subject{Block: block, Free: free, Rest: func() { _ = g.Wait() }, Do: g.WaitContext}
			}},
			{Name: "Group.Wait", Kind: contract.Plain, New: func() contract.Subject {
				g, block, free := occupied()
				return contract.Subject{Block: block, Free: free, Rest: func() { _ = g.Wait() }, Do: func(context.Context) error { return g.Wait() }}
			}},
		}, genericCalls()...),
		Exempt: map[string]string{"Group.Running": "never blocks"},
		Derives: []contract.Derive{
			{Name: "WithContext", New: func(parent context.Context) (context.Context, func()) {
				g, ctx := errgroup.WithContext(parent)
				return ctx, func() { _ = g.Wait() }
			}},
			{Name: "New", New: func(parent context.Context) (context.Context, func()) {
				g, ctx := errgroup.New(parent, errgroup.Options{Limit: 2})
				return ctx, func() { _ = g.Wait() }
			}},
		},
		Misuses: append([]contract.Misuse{
			{Name: "Go of a nil func", Text: "errgroup: Go of a nil func", Do: func() { new(errgroup.Group).Go(nil) }},
			{Name: "TryGo of a nil func", Text: "errgroup: TryGo of a nil func", Do: func() { new(errgroup.Group).TryGo(nil) }},
			{Name: "GoContext of a nil func", Text: "errgroup: GoContext of a nil func", Do: func() { _ = new(errgroup.Group).GoContext(context.Background(), nil) }},
			setLimitWhileActive(),
		}, genericMisuses()...),
	})
}

func setLimitWhileActive() contract.Misuse {
	var g *errgroup.Group
	var free func()
	return contract.Misuse{
		Name: "SetLimit while tasks are active",
		Text: "errgroup: modify limit while 1 goroutines in the group are still active",
		Do: func() {
			var block func()
			g, block, free = occupied()
			block()
			g.SetLimit(2)
		},
		Intact: func() error {
			if g.TryGo(func() error { return nil }) {
				return errors.New("the limit was changed")
			}
			free()
			return g.Wait()
		},
	}
}
