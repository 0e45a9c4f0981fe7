package contract

// This file makes calls that may block, and tells whether they have returned.

import (
	"testing/synctest"
)

// pending is a call that runs on its own goroutine; err belongs to whoever
// saw done closed.
type pending struct {
	done chan struct{}
	err  error
}

func start(f func() error) *pending {
	p := &pending{done: make(chan struct{})}
	go func() { // ends with f
		defer close(p.done)
		p.err = f()
	}()
	return p
}

// returned lets everything in the bubble come to rest and then says whether
// the call has returned.
func (p *pending) returned() bool {
	synctest.Wait()
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}
