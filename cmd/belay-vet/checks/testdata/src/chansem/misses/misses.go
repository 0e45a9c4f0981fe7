// Package misses heeds its context, has none, or uses a channel for else.
package misses

import "context"

type pool struct {
	slots, unbuffered, given chan struct{}
}

func newPool(n int, given chan struct{}) *pool {
	return &pool{slots: make(chan struct{}, n), unbuffered: make(chan struct{}), given: given}
}

func work(ctx context.Context) error { return nil }

func (p *pool) selects(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.slots }()
	return work(ctx)
}

func (p *pool) none() {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
}

func (p *pool) blank(_ context.Context) {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
}

func (p *pool) detached(ctx context.Context) error {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	return work(context.WithoutCancel(ctx))
}

func (p *pool) shadowed(ctx context.Context) error {
	{
		ctx := 1
		_ = ctx
		p.slots <- struct{}{}
		defer func() { <-p.slots }()
	}
	return work(ctx)
}

func (p *pool) signal(ctx context.Context) error {
	p.slots <- struct{}{}
	return work(ctx)
}

func (p *pool) woken(ctx context.Context) {
	p.slots <- struct{}{}
	go func() {
		<-p.slots
		work(ctx)
	}()
}

func (p *pool) handshake(ctx context.Context) {
	p.unbuffered <- struct{}{}
	<-p.unbuffered
	p.given <- struct{}{}
	<-p.given
}

func (p *pool) answered(ctx context.Context) bool {
	p.slots <- struct{}{}
	_, ok := <-p.slots
	return ok
}

func roomForAll(ctx context.Context, names []string) {
	slots := make(chan struct{}, len(names))
	for range names {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			work(ctx)
		}()
	}
}

// What it receives is of another channel, or comes first.
func (p *pool) ready(ctx context.Context, ready chan struct{}) error {
	p.slots <- struct{}{}
	<-ready
	return work(ctx)
}

func (p *pool) token(ctx context.Context) error {
	<-p.slots
	err := work(ctx)
	p.slots <- struct{}{}
	return err
}

// Which channel it is, and how it is made, nobody knows.
func indexed(ctx context.Context, channels []chan struct{}) error {
	channels[0] <- struct{}{}
	err := work(ctx)
	<-channels[0]
	return err
}
