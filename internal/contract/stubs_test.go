package contract_test

// This file holds the subjects: each works by the contract, but for the one
// fault it was made with.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/belay-go/belay/internal/contract"
	"github.com/belay-go/belay/internal/ctxerr"
)

// gate admits one at a time, in order.
type gate struct {
	fault fault
	mu    struct {
		sync.Mutex
		held    int
		waiters []*waiter
		shared  chan struct{}
		leaked  []chan struct{}
	}
}

type waiter struct {
	granted chan struct{}
	gone    bool
}

func gateSubject(f fault) contract.Subject {
	g := &gate{fault: f}
	blocked := 0
	s := contract.Subject{
		Do:    g.acquire,
		Block: func() { blocked = 1; g.mu.Lock(); g.mu.held++; g.mu.Unlock() },
		Free:  func() { blocked = 0; g.release() },
		Undo:  g.release,
		Taken: func() int { g.mu.Lock(); defer g.mu.Unlock(); return g.mu.held - blocked },
		Close: func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			for _, c := range g.mu.leaked {
				close(c)
			}
			g.mu.leaked = nil
		},
	}
	if f != wrapsTwin {
		s.For = g.acquireFor
	}
	return s
}

func (g *gate) acquire(ctx context.Context) error {
	if ctx.Err() != nil && g.fault != winsWhenDone {
		if g.fault == keepsOnFailure {
			g.mu.Lock()
			g.mu.held++
			g.mu.Unlock()
		}
		return g.err(ctx)
	}
	g.mu.Lock()
	if g.fault == leaksGoroutine {
		c := make(chan struct{})
		g.mu.leaked = append(g.mu.leaked, c)
		go func() { <-c }() // ends at Close: too late
	}
	if g.mu.held == 0 {
		g.mu.held = 1
		g.mu.Unlock()
		return nil
	}
	w := &waiter{granted: make(chan struct{}, 1)}
	if g.fault == sharedChannel {
		if g.mu.shared == nil {
			g.mu.shared = make(chan struct{}, 1)
		}
		w.granted = g.mu.shared
	}
	g.mu.waiters = append(g.mu.waiters, w)
	g.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	w.gone = true
	select {
	case <-w.granted: // both: it goes back
		g.mu.Unlock()
		if g.fault != dropsGrant {
			g.release()
		}
	default:
		g.mu.Unlock()
	}
	return g.err(ctx)
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.mu.waiters) > 0 {
		w := g.mu.waiters[0]
		g.mu.waiters = g.mu.waiters[1:]
		if !w.gone {
			w.granted <- struct{}{}
			return
		}
	}
	g.mu.held--
}

func (g *gate) acquireFor(d time.Duration) bool {
	switch {
	case d <= 0 && g.fault == zeroWaits:
		d = time.Minute
	case d > time.Duration(longWait) && g.fault == overflows:
		d = 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return g.acquire(ctx) == nil
}

func (g *gate) err(ctx context.Context) error {
	switch g.fault {
	case onlyErr:
		return ctx.Err()
	case wrapsTwin:
		return fmt.Errorf("gate: %w", ctx.Err())
	}
	return ctxerr.Of(ctx)
}

// latch opens once more each time it was closed.
type latch struct {
	fault fault
	mu    sync.Mutex
	open  chan struct{}
}

func latchSubject(f fault) contract.Subject {
	l := &latch{fault: f}
	return contract.Subject{
		Do:    l.wait,
		Block: func() { l.mu.Lock(); l.open = make(chan struct{}); l.mu.Unlock() },
		Free:  func() { l.mu.Lock(); close(l.open); l.open = nil; l.mu.Unlock() },
	}
}

func (l *latch) wait(ctx context.Context) error {
	if l.fault == losesResult && ctx.Err() != nil {
		return ctxerr.Of(ctx)
	}
	l.mu.Lock()
	open := l.open
	l.mu.Unlock()
	if open == nil {
		return nil
	}
	if l.fault == ignoresCancel {
		<-open
		return nil
	}
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		if l.fault == onlyCause {
			return errors.New("why: " + context.Cause(ctx).Error())
		}
		return ctxerr.Of(ctx)
	}
}

func napSubject(f fault) contract.Subject {
	return contract.Subject{
		Do: func(ctx context.Context) error {
			if ctx.Err() != nil {
				if f == winsWhenDone {
					return nil
				}
				return ctxerr.Of(ctx)
			}
			if at, ok := ctx.Deadline(); ok && f != waitsForever && time.Until(at) < time.Hour {
				return fmt.Errorf("nap: too long: %w", context.DeadlineExceeded)
			}
			t := time.NewTimer(time.Hour)
			defer t.Stop()
			select {
			case <-t.C:
				return nil
			case <-ctx.Done():
				return ctxerr.Of(ctx)
			}
		},
		Free: func() { time.Sleep(2 * time.Hour) },
	}
}

func serveSubject(f fault) contract.Subject {
	return contract.Subject{Do: func(ctx context.Context) error {
		<-ctx.Done()
		if f == serveFails {
			return ctx.Err()
		}
		return nil
	}}
}
