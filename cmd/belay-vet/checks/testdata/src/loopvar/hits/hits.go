// Package hits has copies that no round needs.
package hits

import (
	"context"
	"sync"

	belay "github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/timeout"
	"golang.org/x/sync/errgroup"
)

type item struct{ n int }

func (i *item) bump()    { i.n++ }
func (i item) look() int { return i.n }

func work(n int) error { return nil }

func group(ns []int) error {
	var g errgroup.Group
	for i, n := range ns {
		i, n := i, n // want "the copy of i, n does nothing: since Go 1.22 each round of the loop has its own; remove the line"
		g.Go(func() error { return work(n + i) })
	}
	return g.Wait()
}

func ours(ctx context.Context, ns []int) error {
	g, ctx := belay.WithContext(ctx)
	for _, n := range ns {
		if n == 0 {
			continue
		}

		n := n // want "the copy of n"
		g.GoContext(ctx, func(context.Context) error { return work(n) })
	}
	return g.Wait()
}

func waitGroup(ns []int) {
	var wg sync.WaitGroup
	for _, n := range ns {
		n := n // want "the copy of n"
		wg.Go(func() { work(n) })
	}
	wg.Wait()
}

func counted() {
	for i := 0; i < 3; i++ {
		i := i // want "the copy of i"
		go func() { work(i) }()
	}
	for i := range 3 {
		i := i // want "the copy of i"
		go work(i)
	}
}

// The copy's parts are set, and nobody else has the original.
func parts(items []item) {
	for _, it := range items {
		it := it // want "the copy of it"
		it.n = 3
		it.bump()
		go it.bump()
	}
	for _, it := range items {
		it := it // want "the copy of it"
		p := &it
		go p.bump()
	}
}

func sends(ch chan item) {
	for it := range ch {
		it := it // want "the copy of it"
		go func() { work(it.look()) }()
	}
}

func tries(g *errgroup.Group, ns []int) {
	for _, n := range ns {
		n := n // want "the copy of n"
		g.TryGo(func() error { return work(n) })
	}
}

func named(wg *timeout.WaitGroup, ns []int) {
	for _, n := range ns {
		n := n // want "the copy of n"
		wg.GoNamed("work", func() { work(n) })
	}
}
