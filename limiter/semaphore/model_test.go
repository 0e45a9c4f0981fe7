package semaphore_test

// This file is a semaphore that is too simple to be wrong, and runs random
// programs on it and on the real one, and compares what callers and Stats see.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

// verdict is how far one call has come.
type verdict string

const (
	waiting  verdict = "waits"
	served   verdict = "served"
	gaveUp   verdict = "gave up"
	tooLarge verdict = "too large"
	full     verdict = "full"
)

// request is one call in the model.
type request struct {
	n       int64
	verdict verdict
	permit  bool
	units   int64 // of the permit, that it holds
}

// model is a semaphore as a list of all requests ever made, in their order.
type model struct {
	size, held     int64
	queue          int // most waiting; negative: any number
	requests       []*request
	total, refused uint64
	waited         uint64
}

// request is Acquire or Take.
func (m *model) request(n int64, permit, done bool) {
	r := &request{n: n, permit: permit}
	switch {
	case done:
		r.verdict = gaveUp
	case n > m.size:
		r.verdict = tooLarge
		m.refused++
	case m.fits(n) && m.count(waiting) == 0:
		m.serve(r)
	case m.queue >= 0 && m.count(waiting) >= m.queue:
		r.verdict = full
		m.refused++
	default:
		r.verdict = waiting
	}
	m.requests = append(m.requests, r)
}

// try is TryAcquire or TryTake.
func (m *model) try(n int64) verdict {
	switch {
	case n > m.size:
		m.refused++
		return tooLarge
	case m.count(waiting) > 0 || !m.fits(n):
		m.refused++
		return full
	}
	m.held += n
	m.total += uint64(n)
	return served
}

func (m *model) upTo(n int64) int64 {
	took := max(0, min(n, m.size-m.held))
	if m.count(waiting) > 0 {
		took = 0
	}
	if took == 0 && n > 0 {
		m.refused++
	}
	m.held += took
	m.total += uint64(took)
	return took
}

func (m *model) release(n int64) {
	m.held -= n
	m.serveLine()
}

func (m *model) cancel(i int) {
	if m.requests[i].verdict == waiting {
		m.requests[i].verdict = gaveUp
	}
	m.serveLine()
}

func (m *model) resize(n int64) {
	m.size = n
	for _, r := range m.requests {
		if r.verdict == waiting && r.n > n {
			r.verdict = tooLarge
			m.refused++
		}
	}
	m.serveLine()
}

// settle is Permit.Settle, which gives back and takes nothing.
func (m *model) settle(r *request, cost int64) {
	if r.verdict == served && cost < r.units {
		back := r.units - cost
		r.units = cost
		m.release(back)
	}
}

func (m *model) fits(n int64) bool { return n <= m.size-m.held }

func (m *model) serve(r *request) {
	r.verdict = served
	m.held += r.n
	m.total += uint64(r.n)
	if r.permit {
		r.units = r.n
	}
}

// serveLine goes through the line from its front until one doesn't fit.
func (m *model) serveLine() {
	for _, r := range m.requests {
		if r.verdict != waiting {
			continue
		}
		if !m.fits(r.n) {
			return
		}
		m.serve(r)
		m.waited++
	}
}

func (m *model) count(v verdict) int {
	n := 0
	for _, r := range m.requests {
		if r.verdict == v {
			n++
		}
	}
	return n
}

// loose is what is held without a permit.
func (m *model) loose() int64 {
	n := m.held
	for _, r := range m.requests {
		n -= r.units
	}
	return n
}

func (m *model) stats() belay.Stats {
	s := belay.Stats{
		Limit: m.size, InFlight: m.held, Waiting: int64(m.count(waiting)),
		Total: m.total, Waited: m.waited, Refused: m.refused, Cancelled: uint64(m.count(gaveUp)),
	}
	s.WaitTime.Counts[0] = m.waited // no time passes
	return s
}

// call is one call of the real semaphore that may wait.
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

// acquirer is what semaphores have in common.
type acquirer interface {
	Acquire(ctx context.Context, n int64) error
	TryAcquire(n int64) bool
	Release(n int64)
}

func acquire(ctx context.Context, s acquirer, n int64) *call {
	return start(func() (limiter.Permit, error) { return limiter.Permit{}, s.Acquire(ctx, n) })
}

func take(ctx context.Context, s *semaphore.Weighted, n int64) *call {
	return start(func() (limiter.Permit, error) { return s.Take(ctx, n) })
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
	case errors.Is(err, semaphore.ErrTooLarge):
		return tooLarge
	case errors.Is(err, limiter.ErrFull):
		return full
	default:
		return verdict(err.Error())
	}
}

// machine runs a program on the model and the real one.
type machine struct {
	t       *testing.T
	model   model
	base    int64 // sizes are this and a little more; also some weights
	real    *semaphore.Weighted
	calls   []*call
	cancels []context.CancelFunc
}

// weight reads a small weight, or one of about the size.
func (m *machine) weight(arg byte) int64 {
	n := int64(arg % 10)
	if arg >= 0xc0 {
		n += m.base
	}
	return n
}

// step reads one operation from two bytes.
func (m *machine) step(op, arg byte) string {
	n := m.weight(arg)
	switch op % 16 {
	case 4:
		require.Equal(m.t, m.model.try(n) == served, m.real.TryAcquire(n))
		return fmt.Sprintf("TryAcquire(%d)", n)
	case 5:
		return m.tryTake(n)
	case 6:
		require.Equal(m.t, m.model.upTo(n), m.real.TryAcquireUpTo(n))
		return fmt.Sprintf("TryAcquireUpTo(%d)", n)
	case 7, 8:
		n = min(n, m.model.loose())
		m.model.release(n)
		m.real.Release(n)
		return fmt.Sprintf("Release(%d)", n)
	case 9, 10:
		return m.settle(int(arg), n, op%16 == 9)
	case 11:
		n = m.base + int64(arg%10)
		m.model.resize(n)
		m.real.Resize(n)
		return fmt.Sprintf("Resize(%d)", n)
	case 12, 13:
		if len(m.cancels) == 0 {
			return "nothing to cancel"
		}
		i := int(arg) % len(m.cancels)
		if m.cancels[i] == nil {
			return "can't be cancelled"
		}
		m.model.cancel(i)
		m.cancels[i]()
		return fmt.Sprintf("cancel of %d", i)
	case 14:
		n += m.model.held + 1
		require.PanicsWithValue(m.t, "semaphore: released more than held", func() { m.real.Release(n) })
		return fmt.Sprintf("wrong Release(%d)", n)
	default:
		m.request(n, op%2 == 0, op >= 0xf0, op%16 == 3)
		return fmt.Sprintf("request of %d, permit %v, done before %v, endless %v", n, op%2 == 0, op >= 0xf0, op%16 == 3)
	}
}

func (m *machine) request(n int64, permit, done, endless bool) {
	ctx, cancel := context.WithCancel(context.Background())
	if endless {
		ctx, cancel, done = context.Background(), nil, false
	}
	if done {
		cancel()
	}
	m.model.request(n, permit, done)
	m.cancels = append(m.cancels, cancel)
	if permit {
		m.calls = append(m.calls, take(ctx, m.real, n))
	} else {
		m.calls = append(m.calls, acquire(ctx, m.real, n))
	}
}

func (m *machine) tryTake(n int64) string {
	want := m.model.try(n)
	p, err := m.real.TryTake(n)
	require.Equal(m.t, want, verdictOf(err))
	if err == nil {
		m.model.requests = append(m.model.requests, &request{n: n, verdict: served, permit: true, units: n})
		c := start(func() (limiter.Permit, error) { return p, nil })
		m.calls = append(m.calls, c)
		m.cancels = append(m.cancels, nil)
	}
	return fmt.Sprintf("TryTake(%d)", n)
}

// settle settles or releases some permit; one that was released is stale.
func (m *machine) settle(i int, cost int64, release bool) string {
	if len(m.calls) == 0 {
		return "no permit"
	}
	i %= len(m.calls)
	r, c := m.model.requests[i], m.calls[i]
	if !r.permit || r.verdict != served {
		return "no permit"
	}
	if release {
		m.model.settle(r, 0)
		c.permit.Release()
		c.permit.Release()
		return fmt.Sprintf("release of permit %d", i)
	}
	m.model.settle(r, cost)
	c.permit.Settle(cost)
	return fmt.Sprintf("permit %d settled for %d", i, cost)
}

// check lets everything come to rest and compares.
func (m *machine) check(program string) {
	synctest.Wait()
	for i, c := range m.calls {
		require.Equal(m.t, m.model.requests[i].verdict, c.verdict(), "request %d after %s", i, program)
	}
	require.Equal(m.t, m.model.stats(), m.real.Stats(), "after %s", program)
	limit, remaining, _, _ := m.real.Quota()
	require.Equal(m.t, []int64{m.model.size, max(0, m.model.size-m.model.held)}, []int64{limit, remaining}, program)
}

// run runs a program: two bytes say what kind of semaphore it is, each two that
// follow are an operation.
func run(t *testing.T, program []byte) {
	if len(program) < 2 {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		kind := program[1]
		m := &machine{t: t, base: []int64{0, semaphore.MaxFree - 5}[kind&1]}
		m.model.size = m.base + int64(program[0]%10)
		m.model.queue = []int{-1, 0, 1, 2}[kind>>1&3]
		m.real = semaphore.New(semaphore.Options{Size: m.model.size, Queue: []int64{0, -1, 1, 2}[kind>>1&3], WaitTime: true})
		if _, fast := semaphore.Counted(m.real); fast && kind&8 != 0 {
			semaphore.Count(m.real, semaphore.MaxGranted-5)
		}
		done := fmt.Sprintf("size %d, queue %d", m.model.size, m.model.queue)
		for ops := range slices.Chunk(program[2:], 2) {
			if len(ops) == 2 {
				done += "; " + m.step(ops[0], ops[1])
				m.check(done)
			}
		}
		m.end(done)
	})
}

// end ends all waits: it refuses those in line.
func (m *machine) end(done string) {
	for i, cancel := range m.cancels {
		if cancel != nil {
			m.model.cancel(i)
			cancel()
			m.check(done)
		}
	}
	for m.model.held > 0 {
		n := min(m.model.loose(), m.model.held)
		m.model.release(n)
		m.real.Release(n)
		for i := range m.calls {
			m.settle(i, 0, true)
		}
		m.check(done + "; end")
	}
}

func TestRandomProgramsGoAsInTheModel(t *testing.T) {
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 1))
		program := make([]byte, 2+2*random.IntN(60))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		run(t, program)
	}
}

func FuzzWeighted(f *testing.F) {
	f.Add([]byte{2, 0, 1, 1, 0, 1, 0, 2, 12, 2})             // the third gives up
	f.Add([]byte{3, 0, 1, 2, 1, 3, 1, 1, 7, 2})              // small behind large
	f.Add([]byte{1, 0, 1, 1, 0xf1, 1, 4, 0})                 // done before, try
	f.Add([]byte{5, 2, 1, 4, 11, 2, 4, 0, 0, 1, 7, 3, 1, 0}) // smaller than what is held
	f.Add([]byte{5, 0, 1, 3, 0, 4, 1, 5, 11, 4, 9, 1})       // refused in line
	f.Add([]byte{5, 9, 1, 3, 0, 0xc4, 1, 5, 11, 9, 9, 1, 11, 2})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) < 200 {
			run(t, program)
		}
	})
}
