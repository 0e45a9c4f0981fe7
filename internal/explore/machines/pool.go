package main

// This file explores pool.Pool: who has an entry, the line, and the end.

import (
	"context"
	"fmt"

	"github.com/belay-go/belay/internal/explore"
	"github.com/belay-go/belay/limiter/pool"
)

func pools() []program {
	return []program{
		{"pool/handle", poolHandle, 1},
		{"pool/line", poolLine, 1},
		{"pool/close", poolClose, 1},
	}
}

// count is how many resources are open.
type count struct{ open, opened int64 }

func newPool(c *count, size int) *pool.Pool[int64] {
	return pool.New(pool.Options[int64]{
		MaxOpen: size,
		Open: func(context.Context) (int64, error) {
			if c.open++; c.open > int64(size) {
				explore.Failf("%d resources are open, and %d may be", c.open, size)
			}
			c.opened++
			return c.opened, nil
		},
		Close:     func(int64) { c.open-- },
		TendEvery: -1,
		Timeout:   -1, // no timer ever fires here
	})
}

func allIdle(p *pool.Pool[int64]) func() error {
	return func() error {
		if s := p.Stats(); s.InFlight != 0 || s.Waiting != 0 {
			return fmt.Errorf("all was given back, and the pool has %+v", s)
		}
		return nil
	}
}

// poolHandle has one handle released by two, while somebody else wants what it is
// for.
func poolHandle() explore.Program {
	p, inUse := newPool(new(count), 2), map[int64]bool{}
	var h pool.Handle[int64]
	lent := false
	borrow := func() pool.Handle[int64] {
		h, err := p.Get(context.Background())
		if err != nil {
			explore.Failf("%v", err)
		}
		return h
	}
	use := func() {
		explore.Await("lent", func() bool { return lent })
		h := borrow()
		id := h.Value()
		if inUse[id] {
			explore.Failf("resource %d is lent to two", id)
		}
		inUse[id] = true
		explore.Step("inside")
		inUse[id] = false
		h.Release()
	}
	return explore.Program{
		Goroutines: []func(){
			func() {
				h = borrow()
				lent = true
				h.Release()
				use()
			},
			func() {
				explore.Await("lent", func() bool { return lent })
				h.Release()
			},
			use,
		},
		Check: allIdle(p),
	}
}

// poolLine has a Get give up when its turn has come, with another behind it.
func poolLine() explore.Program {
	p, r := newPool(new(count), 1), &room{most: 1}
	ctx, cancel := explore.Context()
	get := func(ctx context.Context, must bool) func() {
		return func() {
			h, err := p.Get(ctx)
			switch {
			case err == nil:
				r.visit(1)
				h.Release()
				h.Release()
			case must:
				explore.Failf("%v", err)
			}
		}
	}
	return explore.Program{
		Goroutines: []func(){get(context.Background(), true), get(ctx, false), cancel},
		Check:      allIdle(p),
	}
}

// poolClose has a pool closed that is being used.
func poolClose() explore.Program {
	c := new(count)
	p := newPool(c, 1)
	return explore.Program{
		Goroutines: []func(){
			func() {
				if h, err := p.Get(context.Background()); err == nil {
					explore.Step("inside")
					h.Discard()
				}
			},
			func() {
				if h, err := p.Get(context.Background()); err == nil {
					h.Release()
				}
			},
			func() {
				if err := p.Close(context.Background()); err != nil {
					explore.Failf("%v", err)
				}
				if c.open != 0 {
					explore.Failf("%d resources are open in a pool that was closed", c.open)
				}
			},
		},
		Check: allIdle(p),
	}
}
