// Package hits has ways that keep a permit.
package hits

import (
	"context"
	"errors"

	"github.com/belay-go/belay/limiter"
	belay "github.com/belay-go/belay/limiter/semaphore"
	"golang.org/x/sync/semaphore"
)

type pool struct {
	sem   *semaphore.Weighted
	own   *belay.Weighted
	slots chan struct{}
}

var errBusy = errors.New("busy")

func step() error { return nil }

func (p *pool) early(ctx context.Context) error {
	if err := p.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	if err := step(); err != nil {
		return err // want "this return keeps the permit"
	}
	p.sem.Release(1)
	return nil
}

func (p *pool) sameVariable(ctx context.Context) error {
	err := p.sem.Acquire(ctx, 1)
	if err != nil {
		return err
	}
	err = step()
	if err != nil {
		return err // want "this return keeps the permit"
	}
	defer p.sem.Release(1)
	return step()
}

// An RPC that answers constants takes a permit like the others and returns
// before the release; when all are gone every RPC hangs.
func (p *pool) constants(ctx context.Context, method string) (string, error) {
	if err := p.own.Acquire(ctx, 1); err != nil {
		return "", err
	}
	if method == "version" {
		return "1", nil // want "this return keeps the permit"
	}
	answer := method + "!"
	p.own.Release(1)
	return answer, nil
}

func (p *pool) tried() error {
	if !p.sem.TryAcquire(1) {
		return errBusy
	}
	if step() != nil {
		return errBusy // want "this return keeps the permit"
	}
	p.sem.Release(1)
	return nil
}

func (p *pool) triedInside() error {
	if p.sem.TryAcquire(1) {
		if step() != nil {
			return errBusy // want "this return keeps the permit"
		}
		p.sem.Release(1)
	}
	return nil
}

func (p *pool) beforeGo(ctx context.Context) error {
	if p.sem.Acquire(ctx, 1) != nil {
		return ctx.Err()
	}
	if err := step(); err != nil {
		return err // want "this return keeps the permit"
	}
	go func() {
		defer p.sem.Release(1)
		step()
	}()
	return nil
}

func permits(ctx context.Context, l limiter.Limiter) error {
	permit, err := l.Take(ctx, 1)
	if err != nil {
		return err
	}
	if err := step(); err != nil {
		return err // want "this return keeps the permit"
	}
	permit.Release()
	return nil
}

func (p *pool) thrownAway(ctx context.Context) error {
	_, err := p.own.Take(ctx, 1) // want "the permit is thrown away"
	return err
}

func (p *pool) channel() error {
	p.slots <- struct{}{}
	if err := step(); err != nil {
		return err // want "this return keeps the permit"
	}
	<-p.slots
	return nil
}

func rounds(ctx context.Context, names []string) {
	sem := semaphore.NewWeighted(4)
	for _, name := range names {
		if err := sem.Acquire(ctx, 1); err != nil { // want "a round of the loop that goes on before the release"
			break
		}
		if name == "" {
			continue
		}
		go func() {
			defer sem.Release(1)
			step()
		}()
	}
}

func channelRounds(names []string) {
	slots := make(chan struct{}, 4)
	for _, name := range names {
		slots <- struct{}{} // want "a round of the loop that goes on before the release"
		if name == "" {
			continue
		}
		go func() {
			defer func() { <-slots }()
			step()
		}()
	}
}

// Inside a task the semaphore is the others' too.
func tasks(ctx context.Context, names []string) {
	sem := semaphore.NewWeighted(4)
	for range names {
		go func() {
			if sem.Acquire(ctx, 1) != nil {
				return
			}
			if step() != nil {
				return // want "this return keeps the permit"
			}
			sem.Release(1)
		}()
	}
}

// The round gives back by a closure of its own.
func roundClosure(ctx context.Context, sem *semaphore.Weighted, names []string) error {
	for _, name := range names {
		if err := sem.Acquire(ctx, 1); err != nil { // want "a round of the loop that goes on before the release"
			return err
		}
		if name == "" {
			continue
		}
		release := func() { sem.Release(1) }
		release()
	}
	return nil
}

// What held when the goroutine was started may have changed since.
func outerCondition(ctx context.Context, sem *semaphore.Weighted, closed *bool) {
	if !*closed {
		go func() {
			if sem.Acquire(ctx, 1) != nil {
				return
			}
			if *closed {
				return // want "this return keeps the permit"
			}
			sem.Release(1)
		}()
	}
}
