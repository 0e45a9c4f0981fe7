package pool_test

// This file is a source of numbered resources that does as it is told, and counts.

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter/pool"
)

var (
	errDown   = errors.New("the server is down")
	errBroken = errors.New("the resource is broken")
)

// resource is one that knows whether it is open.
type resource struct {
	id     int
	broken bool // for Check; guarded by whoever has it
	closed bool // guarded by the source
	checks int  // guarded by whoever has it
}

// source opens resources.
type source struct {
	mu        sync.Mutex
	opened    int
	open      int
	most      int
	err       error
	gate      chan struct{} // every Open waits for one receive, if set
	deaf      bool          // to its context
	closeGate chan struct{} // every Close waits for one receive, if set
	panics    any
	values    []any // of the contexts
}

type key struct{}

func (s *source) Open(ctx context.Context) (*resource, error) {
	s.mu.Lock()
	s.values = append(s.values, ctx.Value(key{}))
	gate, deaf := s.gate, s.deaf
	s.mu.Unlock()
	done := ctx.Done()
	if deaf {
		done = nil
	}
	if gate != nil {
		select {
		case <-gate:
		case <-done:
			return nil, context.Cause(ctx)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics != nil {
		panic(s.panics)
	}
	if s.err != nil {
		return nil, s.err
	}
	s.opened++
	s.open++
	s.most = max(s.most, s.open)
	return &resource{id: s.opened}, nil
}

func (s *source) Close(r *resource) {
	s.mu.Lock()
	gate := s.closeGate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.closed {
		panic("closed twice")
	}
	r.closed = true
	s.open--
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *source) pool(o pool.Options[*resource]) *pool.Pool[*resource] {
	o.Open, o.Close = s.Open, s.Close
	return pool.New(o)
}

// check is a Check that finds broken what is.
func check(_ context.Context, r *resource) error {
	r.checks++
	if r.broken {
		return errBroken
	}
	return nil
}

// call is one call of Get that may wait.
type call struct {
	done   chan struct{}
	handle pool.Handle[*resource]
	err    error
	panic  any
}

func get(ctx context.Context, p *pool.Pool[*resource]) *call {
	c := &call{done: make(chan struct{})}
	go func() { // ends with Get
		defer close(c.done)
		defer func() { c.panic = recover() }()
		c.handle, c.err = p.Get(ctx)
	}()
	synctest.Wait()
	return c
}

func (c *call) returned() bool {
	synctest.Wait()
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func must(t *testing.T, p *pool.Pool[*resource]) pool.Handle[*resource] {
	t.Helper()
	h, err := p.Get(t.Context())
	require.NoError(t, err)
	return h
}

// opens sees to it that n resources are idle, in the order of their numbers.
func opens(t *testing.T, p *pool.Pool[*resource], n int) {
	t.Helper()
	var handles []pool.Handle[*resource]
	for range n {
		handles = append(handles, must(t, p))
	}
	for _, h := range handles {
		h.Release()
	}
	synctest.Wait()
}

// ends closes a pool of which nothing is out.
func ends(t *testing.T, p *pool.Pool[*resource], s *source) {
	t.Helper()
	require.NoError(t, p.Close(context.Background()))
	require.Zero(t, s.open)
	c := p.Counts()
	require.Equal(t, c.Opened, c.Closed)
	require.Equal(t, pool.Counts{Opened: c.Opened, Closed: c.Closed, Expired: c.Expired, Unhealthy: c.Unhealthy}, c)
	stats := p.Stats()
	require.Zero(t, stats.InFlight)
	require.Zero(t, stats.Waiting)
}
