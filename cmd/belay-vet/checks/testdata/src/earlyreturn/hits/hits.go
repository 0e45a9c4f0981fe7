// Package hits has returns that leave tasks behind.
package hits

import (
	"context"

	belay "github.com/belay-go/belay/errgroup"
	"golang.org/x/sync/errgroup"
)

func open(name string) (int, error)                  { return 0, nil }
func store(fd int) error                             { return nil }
func storeContext(ctx context.Context, fd int) error { return nil }

// The second round may return with the first one's task running.
func loop(names []string) error {
	var g errgroup.Group
	for _, name := range names {
		fd, err := open(name)
		if err != nil {
			return err // want `returns without g.Wait while tasks of the group may run`
		}
		g.Go(func() error { return store(fd) })
	}
	return g.Wait()
}

func straight(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return storeContext(ctx, 1) })
	if _, err := open("b"); err != nil {
		return err // want "returns without g.Wait while tasks of the group may run, as does one more return below: wait"
	}
	if _, err := open("c"); err != nil {
		return err
	}
	return g.Wait()
}

func ours(ctx context.Context, stop chan bool) error {
	g, ctx := belay.New(ctx, belay.Options{Limit: 2})
	g.Go(func() error { return storeContext(ctx, 1) })
	select {
	case <-stop:
		return nil // want "returns without g.Wait"
	default:
	}
	return g.Wait()
}

func end(hurry bool) {
	g := new(errgroup.Group)
	g.Go(func() error { return store(1) })
	if !hurry {
		g.Wait()
	}
} // want "returns without g.Wait"

func several(name string) error {
	var g errgroup.Group
	g.Go(func() error { return store(1) })
	switch name {
	case "a":
		return nil // want "as do 2 more returns below"
	case "b":
		return nil
	case "c":
		return nil
	}
	return g.Wait()
}
