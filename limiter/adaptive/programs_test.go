package adaptive_test

// This file runs random programs on the model and on the real limiter, and compares
// what callers and Stats see.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/adaptive"
)

// call is one call of the real limiter that may wait.
type call struct {
	done   chan struct{}
	err    error
	permit limiter.Permit
}

func start(f func() (limiter.Permit, error)) *call {
	c := &call{done: make(chan struct{})}
	go func() { // ends with f
		defer close(c.done)
		c.permit, c.err = f()
	}()
	return c
}

func (c *call) verdict() verdict {
	select {
	case <-c.done:
		return verdictOf(c.err)
	default:
		return waiting
	}
}

func verdictOf(err error) verdict {
	switch {
	case err == nil:
		return served
	case err == context.Canceled:
		return gaveUp
	case errors.Is(err, limiter.ErrTooLarge):
		return tooLarge
	case errors.Is(err, limiter.ErrFull):
		return full
	default:
		return verdict(err.Error())
	}
}

// machine runs a program on the model and the real one. A step takes so long that no
// window of the law ends while the line is served in order, as then what is known of
// the rate would refuse some at once; and long if it is served newest first, as
// nothing is known of waits then.
type machine struct {
	t       *testing.T
	model   model
	real    *adaptive.Limiter
	step    time.Duration
	calls   []*call // by index the requests of the model
	cancels []context.CancelFunc
}

func newMachine(t *testing.T, size, kind byte) *machine {
	m := &machine{t: t, step: 100 * time.Microsecond}
	m.model = model{turns: map[group]int{}, newest: kind&1 != 0, queue: []int{-1, 1, 2, 5}[kind>>1&3]}
	m.model.limit = 1 + int64(size%6)
	m.model.max = m.model.limit
	if m.model.newest {
		m.step = 60 * time.Millisecond
	}
	wait := time.Duration(-1)
	if kind&8 != 0 {
		wait = 4*m.step + m.step/2
	}
	m.model.patience = wait
	m.real = adaptive.New(adaptive.Options{Min: m.model.limit, Max: m.model.limit, Queue: m.model.queue,
		Wait: wait, NewestFirst: m.model.newest})
	return m
}

// do reads one operation from two bytes.
func (m *machine) do(op, arg byte) string {
	n := int64(arg % 5)
	switch op % 16 {
	case 0:
		require.Equal(m.t, m.model.try(n) == served, m.real.TryAcquire(n))
		return fmt.Sprintf("TryAcquire(%d)", n)
	case 1:
		return m.tryTake(n)
	case 2:
		n = min(n, m.model.loose())
		m.model.release(n)
		m.real.Release(n)
		return fmt.Sprintf("Release(%d)", n)
	case 3, 4, 5:
		return m.end(int(arg), int(op>>4))
	case 6:
		return m.settle(int(arg), int64(op>>4)%4)
	case 7:
		n++
		if m.model.newest { // the law would raise the limit in time
			n = min(n, m.model.limit)
		}
		m.model.setMax(n)
		m.real.SetMax(n)
		return fmt.Sprintf("SetMax(%d)", n)
	case 8, 9:
		if len(m.cancels) == 0 {
			return "nothing to cancel"
		}
		i := int(arg) % len(m.cancels)
		m.model.cancel(i)
		m.cancels[i]()
		return fmt.Sprintf("cancel of %d", i)
	case 10:
		n += m.model.held + 1
		require.PanicsWithValue(m.t, "adaptive: released more than held", func() { m.real.Release(n) })
		return fmt.Sprintf("wrong Release(%d)", n)
	default:
		return m.request(1+int64(arg%5), op, arg)
	}
}

// request is Acquire, or Take by one of three clients with one of three priorities.
func (m *machine) request(n int64, op, arg byte) string {
	ctx, cancel := context.WithCancel(context.Background())
	r := &request{n: n, permit: op%16 != 11, client: []string{"", "a", "b"}[arg>>3%3], priority: int(arg>>6%3) - 1}
	done := op >= 0xf0
	if done {
		cancel()
	}
	take := func() (limiter.Permit, error) { return m.real.For(r.client, r.priority).Take(ctx, n) }
	if r.permit {
		if m.model.patience > 0 {
			r.until = m.model.now + m.model.patience
		}
	} else {
		r.client, r.priority = "", 0
		take = func() (limiter.Permit, error) { return limiter.Permit{}, m.real.Acquire(ctx, n) }
	}
	m.model.request(r, done)
	m.calls = append(m.calls, start(take))
	m.cancels = append(m.cancels, cancel)
	return fmt.Sprintf("request of %d by %q, priority %d, permit %v, done before %v", n, r.client, r.priority, r.permit, done)
}

func (m *machine) tryTake(n int64) string {
	want := m.model.try(n)
	p, err := m.real.TryTake(n)
	require.Equal(m.t, want, verdictOf(err))
	if err == nil {
		m.model.requests = append(m.model.requests, &request{n: n, verdict: served, permit: true, units: n})
		m.calls = append(m.calls, start(func() (limiter.Permit, error) { return p, nil }))
		m.cancels = append(m.cancels, func() {})
	}
	return fmt.Sprintf("TryTake(%d)", n)
}

// permit returns some call that was granted a permit, maybe a stale one.
func (m *machine) permit(i int) (*request, limiter.Permit, bool) {
	if len(m.calls) == 0 {
		return nil, limiter.Permit{}, false
	}
	i %= len(m.calls)
	r := m.model.requests[i]
	return r, m.calls[i].permit, r.permit && r.verdict == served
}

func (m *machine) end(i, how int) string {
	r, p, ok := m.permit(i)
	if !ok {
		return "no permit"
	}
	m.model.settle(r, 0)
	[]func(limiter.Permit){limiter.Permit.Release, limiter.Permit.Drop, limiter.Permit.Ignore}[how%3](p)
	p.Release()
	return fmt.Sprintf("end %d of permit %d", how%3, i%len(m.calls))
}

func (m *machine) settle(i int, cost int64) string {
	r, p, ok := m.permit(i)
	if !ok {
		return "no permit"
	}
	m.model.settle(r, cost)
	p.Settle(cost)
	return fmt.Sprintf("permit %d settled for %d", i%len(m.calls), cost)
}

// check lets everything come to rest and compares.
func (m *machine) check(program string) {
	synctest.Wait()
	for i, c := range m.calls {
		require.Equal(m.t, m.model.requests[i].verdict, c.verdict(), "request %d after %s", i, program)
	}
	require.Equal(m.t, m.model.stats(), m.real.Stats(), "after %s", program)
	limit, remaining, _, _ := m.real.Quota()
	require.Equal(m.t, []int64{m.model.limit, max(0, m.model.limit-m.model.held)}, []int64{limit, remaining}, program)
}

// run runs a program: two bytes say what kind of limiter it is, each two that follow
// are an operation.
func run(t *testing.T, program []byte) {
	if len(program) < 2 {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, program[0], program[1])
		defer func() { // so that a failure is not hidden by who waits
			for _, cancel := range m.cancels {
				cancel()
			}
		}()
		done := fmt.Sprintf("limit %d, queue %d, wait %v, newest %v", m.model.limit, m.model.queue, m.model.patience, m.model.newest)
		for ops := range slices.Chunk(program[2:], 2) {
			if len(ops) == 2 {
				done += "; " + m.do(ops[0], ops[1])
				m.check(done)
				m.model.pass(m.model.now + m.step)
				time.Sleep(m.step)
				m.check(done + "; a while")
			}
		}
		m.wind(done)
	})
}

// wind ends all waits and gives everything back.
func (m *machine) wind(done string) {
	for i, cancel := range m.cancels {
		m.model.cancel(i)
		cancel()
		m.check(done + "; all cancelled")
	}
	for i := range m.calls {
		m.end(i, i)
	}
	n := m.model.loose()
	m.model.release(n)
	m.real.Release(n)
	m.check(done + "; end")
	require.Zero(m.t, m.model.held)
}

func TestRandomProgramsGoAsInTheModel(t *testing.T) {
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 1))
		program := make([]byte, 2+2*random.IntN(45))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		run(t, program)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte{2, 4, 12, 2, 12, 1, 12, 0x48, 3, 0})        // a small one of a higher priority
	f.Add([]byte{2, 2, 12, 2, 12, 4, 12, 0x80, 8, 1})        // takes the place of one
	f.Add([]byte{0, 13, 12, 0, 12, 8, 12, 9, 12, 16, 3, 0})  // one of each client
	f.Add([]byte{5, 6, 11, 4, 12, 3, 7, 0, 2, 4, 3, 1})      // lowered, to be alone
	f.Add([]byte{1, 14, 12, 1, 12, 1, 0, 0, 0, 0, 0, 0, 10}) // runs out of patience
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) < 95 {
			run(t, program)
		}
	})
}
