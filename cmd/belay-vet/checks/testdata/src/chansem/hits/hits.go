// Package hits waits for slots without an eye on its context.
package hits

import "context"

type pool struct{ slots chan struct{} }

func newPool(n int) *pool { return &pool{slots: make(chan struct{}, n)} }

func work(ctx context.Context) error { return nil }

func (p *pool) fixed(ctx context.Context) error {
	name := "one"
	if name == "" {
		return nil
	}
	p.slots <- struct{}{} // want "this waits for a slot .* even when ctx is done"
	defer func() { <-p.slots }()
	return work(ctx)
}

func (p *pool) value(ctx context.Context) (int, error) {
	p.slots <- struct{}{} // want "this waits for a slot"
	err := work(ctx)
	<-p.slots
	return 1, err
}

// A return between the tasks would leave those that run.
func tasks(ctx context.Context, names []string) error {
	slots := make(chan struct{}, 4)
	for range names {
		slots <- struct{}{} // want "this waits for a slot"
		go func() {
			defer func() { <-slots }()
			work(ctx)
		}()
	}
	return nil
}

func (p *pool) begun(ctx context.Context, lock func()) error {
	lock()
	p.slots <- struct{}{} // want "this waits for a slot"
	defer func() { <-p.slots }()
	return work(ctx)
}

// It negates and receives other things too.
func (p *pool) others(ctx context.Context, ready chan bool) error {
	if !<-ready {
		return nil
	}
	p.slots <- struct{}{} // want "this waits for a slot"
	if work(ctx) != nil && !<-ready {
		println("not ready")
	}
	<-p.slots
	return nil
}
