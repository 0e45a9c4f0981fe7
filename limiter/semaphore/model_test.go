package semaphore_test

// This file runs random programs on the semaphore, on golang.org/x/sync's, and
// on a model that is too simple to be wrong, and compares what callers see.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	reference "golang.org/x/sync/semaphore"

	"github.com/belay-go/belay/limiter/semaphore"
)

// weighted is what the semaphores under comparison share.
type weighted interface {
	Acquire(ctx context.Context, n int64) error
	TryAcquire(n int64) bool
	Release(n int64)
}

// verdict is how far one Acquire has come.
type verdict string

const (
	waiting  verdict = "waits"
	served   verdict = "served"
	gaveUp   verdict = "gave up"
	tooLarge verdict = "too large"
)

// request is one Acquire in the model.
type request struct {
	n       int64
	verdict verdict
}

// model is a semaphore as a list of all requests ever made, in their order.
type model struct {
	size, held int64
	requests   []*request
	total      int64
	refused    int
}

func (m *model) acquire(n int64, done bool) {
	r := &request{n, waiting}
	m.requests = append(m.requests, r)
	switch {
	case done:
		r.verdict = gaveUp
	case n > m.size:
		r.verdict = tooLarge
		m.refused++
	}
	m.serve()
}

func (m *model) tryAcquire(n int64) bool {
	if m.count(waiting) > 0 || m.held+n > m.size {
		m.refused++
		return false
	}
	m.take(n)
	return true
}

func (m *model) release(n int64) {
	m.held -= n
	m.serve()
}

func (m *model) cancel(i int) {
	if m.requests[i].verdict == waiting {
		m.requests[i].verdict = gaveUp
	}
	m.serve()
}

func (m *model) take(n int64) {
	m.held += n
	m.total += n
}

// serve goes through the line from its front until one doesn't fit.
func (m *model) serve() {
	for _, r := range m.requests {
		if r.verdict != waiting {
			continue
		}
		if m.held+r.n > m.size {
			return
		}
		r.verdict = served
		m.take(r.n)
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

func (m *model) verdicts() []verdict {
	var vs []verdict
	for _, r := range m.requests {
		vs = append(vs, r.verdict)
	}
	return vs
}

// call is one Acquire on a real semaphore.
type call struct {
	done chan struct{}
	err  error
}

func acquire(ctx context.Context, s weighted, n int64) *call {
	c := &call{done: make(chan struct{})}
	go func() { // ends with the Acquire
		defer close(c.done)
		c.err = s.Acquire(ctx, n)
	}()
	return c
}

func (c *call) verdict() verdict {
	select {
	case <-c.done:
	default:
		return waiting
	}
	switch {
	case c.err == nil:
		return served
	case c.err == context.Canceled:
		return gaveUp
	case errors.Is(c.err, semaphore.ErrTooLarge):
		return tooLarge
	default:
		return verdict(c.err.Error())
	}
}

// bench holds the three side by side.
type bench struct {
	t       *testing.T
	model   model
	least   int64 // the smallest weight used
	real    []weighted
	calls   [][]*call // per real semaphore, in the order of the requests
	ctxs    []context.Context
	cancels []context.CancelFunc
}

// step reads one operation from two bytes.
func (b *bench) step(op, arg byte) string {
	n := b.least + int64(arg)%(b.model.size+2)
	switch op % 8 {
	default:
		b.acquire(n, op >= 0xf0)
		return fmt.Sprintf("Acquire(%d), done before: %v", n, op >= 0xf0)
	case 4:
		want := b.model.tryAcquire(n)
		for i, s := range b.real {
			require.Equal(b.t, want, s.TryAcquire(n), "semaphore %d: TryAcquire(%d)", i, n)
		}
		return fmt.Sprintf("TryAcquire(%d)", n)
	case 5, 6:
		n = min(n, b.model.held)
		b.model.release(n)
		for _, s := range b.real {
			s.Release(n)
		}
		return fmt.Sprintf("Release(%d)", n)
	case 7:
		if len(b.cancels) == 0 {
			return "nothing to cancel"
		}
		i := int(arg) % len(b.cancels)
		b.model.cancel(i)
		b.cancels[i]()
		return fmt.Sprintf("cancel of %d", i)
	}
}

func (b *bench) acquire(n int64, done bool) {
	ctx, cancel := context.WithCancel(context.Background())
	if done {
		cancel()
	}
	b.ctxs, b.cancels = append(b.ctxs, ctx), append(b.cancels, cancel)
	b.model.acquire(n, done)
	for i, s := range b.real {
		b.calls[i] = append(b.calls[i], acquire(ctx, s, n))
	}
}

// check lets everything come to rest and compares.
func (b *bench) check(program string) {
	synctest.Wait()
	want := b.model.verdicts()
	for i := range b.real {
		var got []verdict
		for j, c := range b.calls[i] {
			v := c.verdict()
			// The documented difference: theirs hangs until its context ends.
			if want[j] == tooLarge && i > 0 && v != served {
				v = tooLarge
			}
			got = append(got, v)
		}
		require.Equal(b.t, want, got, "semaphore %d after %s", i, program)
	}
	stats := b.real[0].(*semaphore.Weighted).Stats()
	require.Equal(b.t,
		[]int64{b.model.size, b.model.held, int64(b.model.count(waiting)), b.model.total, int64(b.model.refused), int64(b.model.count(gaveUp))},
		[]int64{stats.Limit, stats.InFlight, stats.Waiting, int64(stats.Total), int64(stats.Refused), int64(stats.Cancelled)},
		"limit, in flight, waiting, total, refused, cancelled after %s", program)
}

// compare runs a program: its first byte is the size, each two that follow are
// an operation. Weights of zero are for the model alone: x/sync forgets them in
// line when one before them gives up while all is held.
func compare(t *testing.T, program []byte) {
	if len(program) == 0 {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		size := int64(program[0] % 8)
		b := &bench{t: t, model: model{size: size}, calls: make([][]*call, 2), real: []weighted{semaphore.NewWeighted(size)}}
		if program[0] < 0x80 {
			b.least, b.real = 1, append(b.real, reference.NewWeighted(size))
		}
		defer func() {
			for _, cancel := range b.cancels {
				cancel()
			}
		}()
		done := fmt.Sprintf("size %d", size)
		for ops := range slices.Chunk(program[1:], 2) {
			if len(ops) == 2 {
				done += "; " + b.step(ops[0], ops[1])
				b.check(done)
			}
		}
	})
}

func TestRandomProgramsGoAsInTheModelAndInXSync(t *testing.T) {
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 1))
		program := make([]byte, 1+2*random.IntN(40))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		compare(t, program)
	}
}

func FuzzWeighted(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 1, 0, 0, 7, 1})    // the first in line gives up
	f.Add([]byte{3, 0, 2, 0, 2, 0, 0, 5, 2})    // small behind large
	f.Add([]byte{1, 0, 1, 0xf0, 0, 4, 0})       // too large, done before, try
	f.Add([]byte{0x81, 0, 1, 0, 1, 0, 0, 7, 1}) // nothing wanted, behind one that gives up
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) < 200 {
			compare(t, program)
		}
	})
}
