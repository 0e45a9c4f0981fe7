package misses

// A test may wait.

import "context"

func (p *pool) waits(ctx context.Context) error {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	return work(ctx)
}
