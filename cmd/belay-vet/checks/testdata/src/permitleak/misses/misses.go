// Package misses has permits that every way releases, or that somebody else may.
package misses

import (
	"context"
	"errors"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	belay "github.com/belay-go/belay/limiter/semaphore"
	"golang.org/x/sync/semaphore"
)

type pool struct {
	sem   *semaphore.Weighted
	own   *belay.Weighted
	slots chan struct{}
	ready chan struct{}
	conns []conn
}

type conn struct{ close func(int64) }

var errBusy = errors.New("busy")

func step() error { return nil }

func (p *pool) deferred(ctx context.Context) error {
	if err := p.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	defer p.sem.Release(1)
	return step()
}

// The caller has the permit when this returns without an error.
func (p *pool) lock(ctx context.Context) error {
	if err := p.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	if err := step(); err != nil {
		p.sem.Release(1)
		return err
	}
	return nil
}

func (p *pool) neverHere(ctx context.Context) error {
	if err := p.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	return step()
}

func (p *pool) handedOver(ctx context.Context) (*conn, error) {
	if err := p.sem.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	if len(p.conns) > 0 {
		return &conn{close: p.sem.Release}, nil
	}
	if err := step(); err != nil {
		return nil, errors.Join(err, p.free())
	}
	p.sem.Release(1)
	return nil, nil
}

func (p *pool) free() error {
	p.sem.Release(1)
	return nil
}

func (p *pool) closure(ctx context.Context) (release func(), err error) {
	free := func() { p.sem.Release(1) }
	if err := p.sem.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	if err := step(); err != nil {
		free()
		return nil, err
	}
	if len(p.conns) == 0 {
		return func() { p.sem.Release(1) }, nil
	}
	p.sem.Release(1)
	return nil, errBusy
}

// Both ifs are about the same thing.
func (p *pool) guarded(ctx context.Context) error {
	if p.sem != nil {
		if err := p.sem.Acquire(ctx, 1); err != nil {
			return err
		}
	}
	if err := step(); err != nil {
		if p.sem != nil {
			p.sem.Release(1)
		}
		return err
	}
	if p.sem == nil {
		return nil
	}
	p.sem.Release(1)
	return nil
}

func (p *pool) negated(ctx context.Context, limited bool) error {
	if limited {
		if err := p.sem.Acquire(ctx, 1); err != nil {
			return err
		}
	}
	if !limited {
		return nil
	}
	err := step()
	p.sem.Release(1)
	return err
}

func (p *pool) flagged(ctx context.Context) error {
	held := false
	defer func() {
		if held {
			p.sem.Release(1)
		}
	}()
	if err := p.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	held = true
	if err := step(); err != nil {
		return err
	}
	p.sem.Release(1)
	held = false
	return nil
}

func (p *pool) cases(ctx context.Context) error {
	err := p.sem.Acquire(ctx, 1)
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case err != nil:
		return err
	}
	p.sem.Release(1)
	return nil
}

func (p *pool) tag() error {
	switch ok := p.sem.TryAcquire(1); ok {
	case false:
		return errBusy
	}
	p.sem.Release(1)
	return nil
}

func (p *pool) combined(ctx context.Context, quick bool) error {
	if quick && p.sem.TryAcquire(1) {
		p.sem.Release(1)
		return nil
	}
	ok := p.sem.TryAcquire(1)
	if quick || !ok {
		if ok {
			p.sem.Release(1)
		}
		return errBusy
	}
	p.sem.Release(1)
	return nil
}

func (p *pool) panics(ctx context.Context) error {
	if err := p.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	if step() != nil {
		panic("no way out")
	}
	p.sem.Release(1)
	return nil
}

// Nobody is left to wait for the function's own semaphore.
func own(ctx context.Context, names []string) error {
	sem := semaphore.NewWeighted(4)
	for range names {
		if err := sem.Acquire(ctx, 1); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
		go func() {
			defer sem.Release(1)
			step()
		}()
	}
	return sem.Acquire(ctx, 4)
}

// A loop that takes all, and gives back when that fails.
func (p *pool) all(ctx context.Context, n int64) error {
	for taken := int64(0); taken < n; taken++ {
		if err := p.sem.Acquire(ctx, 1); err != nil {
			p.sem.Release(taken)
			return err
		}
		if err := step(); err != nil {
			p.sem.Release(taken + 1)
			return err
		}
	}
	return nil
}

func permits(ctx context.Context, l limiter.Limiter, keep func(limiter.Permit)) error {
	permit, err := l.Take(ctx, 1)
	if err != nil {
		return err
	}
	if step() != nil {
		keep(permit)
		return nil
	}
	permit.Release()
	return nil
}

// What a rate has given is used up.
func used(ctx context.Context, l limiter.Limiter, r *rate.Limiter) error {
	if _, err := l.Take(ctx, 1); err != nil {
		return err
	}
	return r.Wait(ctx)
}

func (p *pool) channel() error {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	return step()
}

// A channel that another goroutine reads is a signal.
func (p *pool) signal() error {
	p.ready <- struct{}{}
	if err := step(); err != nil {
		return err
	}
	go func() {
		<-p.ready
		step()
	}()
	return nil
}

func (p *pool) answer() error {
	p.ready <- struct{}{}
	if err := step(); err != nil {
		return err
	}
	_, ok := <-p.ready
	if !ok {
		return errBusy
	}
	return nil
}
