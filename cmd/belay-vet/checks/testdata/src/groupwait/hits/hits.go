// Package hits has groups that nobody waits for.
package hits

import (
	"context"
	"sync"

	belay "github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/timeout"
	"golang.org/x/sync/errgroup"
)

func load() error                     { return nil }
func fetch(ctx context.Context) error { return nil }

func zero() {
	var g errgroup.Group // want `nobody waits for the tasks of g: .* no error of them is seen; call g.Wait`
	g.SetLimit(3)
	g.Go(load)
}

func literal() {
	g := &errgroup.Group{} // want "nobody waits for the tasks of g"
	g.Go(load)
}

func allocated() {
	var g = new(errgroup.Group) // want "nobody waits for the tasks of g"
	for range 3 {
		g.Go(load)
	}
}

func derived(ctx context.Context) {
	g, ctx := errgroup.WithContext(ctx) // want "nobody waits for the tasks of g"
	g.Go(func() error { return fetch(ctx) })
}

func ours(ctx context.Context) {
	g, ctx := belay.New(ctx, belay.Options{}) // want "nobody waits for the tasks of g"
	g.Go(func() error { return fetch(ctx) })
}

func counted() {
	var wg sync.WaitGroup // want `nobody waits for the tasks of wg: .* too late; call wg.Wait`
	wg.Add(1)
	go func() {
		defer wg.Done()
		load()
	}()
}

func patient() {
	var wg timeout.WaitGroup // want "nobody waits for the tasks of wg"
	wg.Go(func() { load() })
}

func inLiteral() func() {
	return func() {
		var g errgroup.Group // want "nobody waits for the tasks of g"
		g.Go(load)
	}
}
