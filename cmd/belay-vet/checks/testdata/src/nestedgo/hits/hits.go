// Package hits has tasks that wait for a slot while they hold one.
package hits

import (
	"context"

	belay "github.com/belay-go/belay/errgroup"
	"golang.org/x/sync/errgroup"
)

func work() error { return nil }

func plain() error {
	var g errgroup.Group
	g.SetLimit(2)
	g.Go(func() error {
		g.Go(work) // want `a task of g calls g.Go and holds a slot meanwhile`
		return nil
	})
	return g.Wait()
}

func variable(ctx context.Context, n int) error {
	g, _ := errgroup.WithContext(ctx)
	if n > 0 {
		g.SetLimit(n)
	}
	g.TryGo(func() error {
		func() {
			g.Go(work) // want "a task of g calls g.Go"
		}()
		return nil
	})
	return g.Wait()
}

func ours(ctx context.Context) error {
	g, ctx := belay.New(ctx, belay.Options{Name: "walk", Limit: 3})
	g.GoContext(ctx, func(context.Context) error {
		defer func() {
			g.Go(work) // want "a task of g calls g.Go"
		}()
		return nil
	})
	return g.Wait()
}

func recursive(children func(string) []string) error {
	g := new(errgroup.Group)
	g.SetLimit(4)
	var visit func(string)
	visit = func(dir string) {
		g.Go(func() error { // want "a task of g calls g.Go"
			for _, child := range children(dir) {
				visit(child)
			}
			return nil
		})
	}
	visit("/")
	return g.Wait()
}
