package pool_test

// This file runs random programs on the model and on the real pool.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/pool"
)

// machine runs a program on the model and the real one.
type machine struct {
	t       *testing.T
	model   model
	real    *pool.Pool[int]
	calls   []*modelCall
	cancels []context.CancelFunc

	mu     sync.Mutex
	opens  map[int]chan error // of requests, what their Open returns
	opened int
	closed int
}

type modelCall struct {
	done   chan struct{}
	handle pool.Handle[int]
	permit limiter.Permit
	err    error
}

func (m *machine) Open(ctx context.Context) (int, error) {
	end := make(chan error)
	m.mu.Lock()
	m.opens[ctx.Value(key{}).(int)] = end
	m.mu.Unlock()
	if err := <-end; err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	return m.opened, nil
}

func (m *machine) request(n int, done, try bool) {
	m.model.request(n, done, try)
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, len(m.calls)))
	if done {
		cancel()
	}
	c := &modelCall{done: make(chan struct{})}
	m.calls, m.cancels = append(m.calls, c), append(m.cancels, cancel)
	go func() { // ends with the call
		defer close(c.done)
		switch {
		case n == 0:
			c.handle, c.err = m.real.Get(ctx)
		case try:
			c.permit, c.err = m.real.TryTake(int64(n))
		default:
			c.permit, c.err = m.real.Take(ctx, int64(n))
		}
	}()
}

func (c *modelCall) verdict() verdict {
	select {
	case <-c.done:
	default:
		return waiting
	}
	for err, v := range map[error]verdict{context.Canceled: gaveUp, errDown: failed, limiter.ErrTooLarge: tooLarge, limiter.ErrFull: full} {
		if errors.Is(c.err, err) {
			return v
		}
	}
	return served
}

func (m *machine) release(i int, discard bool) {
	c := m.calls[i]
	m.model.release(m.model.requests[i], discard)
	if discard {
		c.handle.Discard()
	}
	c.handle.Release()
	c.permit.Release()
	c.handle.Discard() // stale, whatever it was before
}

// end ends the Open of some request, the i-th of those that run.
func (m *machine) end(i int, ok bool) {
	var running []int
	for j, r := range m.model.requests {
		if r.opening {
			running = append(running, j)
		}
	}
	if len(running) == 0 {
		return
	}
	j := running[i%len(running)]
	m.model.opened(m.model.requests[j], ok)
	m.mu.Lock()
	end := m.opens[j]
	delete(m.opens, j)
	m.mu.Unlock()
	if ok {
		end <- nil
	} else {
		end <- errDown
	}
}

// step reads one operation from two bytes.
func (m *machine) step(op, arg byte) string {
	some := int(arg)
	if op%16 >= 8 && op%16 < 14 {
		if len(m.calls) == 0 {
			return "nothing"
		}
		some %= len(m.calls)
	}
	switch op % 16 {
	case 4:
		m.request(1+some%5, arg >= 0xf0, false)
	case 5:
		m.request(1+some%5, false, true)
	case 6:
		d := time.Duration(some%40) * time.Second
		m.model.now += d
		time.Sleep(d)
	case 7:
		m.model.tend()
		require.NoError(m.t, m.real.Tend(context.Background()))
	case 8, 9, 10:
		if m.model.requests[some].held {
			m.release(some, op%16 == 10)
		}
	case 11:
		m.model.cancel(m.model.requests[some])
		m.cancels[some]()
	case 12, 13, 14:
		m.end(some, op%16 != 13)
	case 15: // one that was released long ago, or never had anything
		if i := slices.IndexFunc(m.model.requests, func(r *request) bool { return !r.held && r.verdict != waiting }); i >= 0 {
			m.release(i, arg&1 == 0)
		}
	default:
		m.request(0, arg >= 0xf0, false)
	}
	return fmt.Sprintf("op %d of %d", op%16, arg)
}

// check lets everything come to rest and compares.
func (m *machine) check(program string) {
	synctest.Wait()
	for i, c := range m.calls {
		r := m.model.requests[i]
		require.Equal(m.t, r.verdict, c.verdict(), "request %d after %s", i, program)
		if r.held && r.n == 0 {
			require.Equal(m.t, r.id, c.handle.Value(), "request %d after %s", i, program)
		}
	}
	want := m.model.stats
	want.Limit = int64(m.model.o.MaxOpen)
	want.InFlight = int64(m.model.out() + m.model.places())
	want.Waiting = int64(len(m.model.line()))
	require.Equal(m.t, want, m.real.Stats(), "after %s", program)
	counts := m.model.counts
	counts.Idle = int64(len(m.model.idle))
	counts.Open = counts.Idle + int64(m.model.out())
	counts.Opening = int64(m.model.opening())
	require.Equal(m.t, counts, m.real.Counts(), "after %s", program)
	require.EqualValues(m.t, m.closed, counts.Closed)
}

// run runs a program: three bytes say what kind of pool it is, each two that
// follow are an operation.
func run(t *testing.T, program []byte) {
	if len(program) < 3 {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, opens: map[int]chan error{}}
		kind := program[1]
		o := pool.Options[int]{
			MaxOpen:     1 + int(program[0]%4),
			MaxIdle:     []int{4, 1, -1, 2}[kind>>1&3],
			OldestFirst: kind&1 != 0,
			Queue:       []int{0, -1, 1, 2}[kind>>3&3],
			MaxLifetime: []time.Duration{0, time.Minute}[kind>>5&1],
			MaxIdleTime: []time.Duration{0, 30 * time.Second}[kind>>6&1],
			Jitter:      -1, TendEvery: -1, Timeout: -1,
			Open: m.Open,
			Close: func(int) {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.closed++
			},
		}
		m.real = pool.New(o)
		o.MaxIdle = max(0, min(o.MaxIdle, o.MaxOpen))
		m.model.o = o
		done := fmt.Sprintf("%+v", kind)
		for ops := range slices.Chunk(program[3:], 2) {
			if len(ops) == 2 {
				done += "; " + m.step(ops[0], ops[1])
				m.check(done)
			}
		}
		m.finish(done)
	})
}

// finish ends all waits and gives all back.
func (m *machine) finish(done string) {
	for i, cancel := range m.cancels {
		m.model.cancel(m.model.requests[i])
		cancel()
		m.check(done)
	}
	for m.model.opening() > 0 {
		m.end(0, true)
		m.check(done)
	}
	for i := range m.calls {
		if m.model.requests[i].held {
			m.release(i, false)
			m.check(done)
		}
	}
	require.NoError(m.t, m.real.Close(context.Background()))
	require.Equal(m.t, m.opened, m.closed, done)
}

func TestRandomProgramsGoAsInTheModel(t *testing.T) {
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 1))
		program := make([]byte, 3+2*random.IntN(60))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		run(t, program)
	}
}

func FuzzPool(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 12, 0, 8, 0, 12, 1})               // one waits, one is given back
	f.Add([]byte{1, 0, 0, 0, 0, 4, 2, 0, 0, 12, 0, 8, 0})                // places between
	f.Add([]byte{0, 8, 0, 0, 0, 0, 0, 12, 0, 0, 0, 8, 0, 6, 39, 0, 0})   // no line
	f.Add([]byte{2, 96, 0, 0, 0, 0, 0, 13, 0, 12, 0, 6, 39, 8, 1, 7, 0}) // a failure, lifetimes
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) < 200 {
			run(t, program)
		}
	})
}
