package misses

// Groups of which no task can fail.

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Its tasks keep their errors to themselves, so that none stops another.
func eachOnItsOwn(ctx context.Context, s store, failed chan<- error) error {
	g, _ := errgroup.WithContext(ctx)
	for range 3 {
		g.Go(func() error {
			if err := s.Flush(ctx); err != nil {
				failed <- err
				return nil
			}
			lock := func() error { return s.Flush(ctx) }
			_ = lock()
			return nil
		})
	}
	return g.Wait()
}

func keptByName(ctx context.Context, s store, mu *sync.Mutex, all *[]error) error {
	g, gctx := errgroup.WithContext(ctx)
	_ = gctx
	g.Go(func() error {
		err := s.Flush(ctx)
		mu.Lock()
		defer mu.Unlock()
		*all = append(*all, err)
		return (nil)
	})
	return g.Wait()
}
