package ctxutil_test

// This file derives contexts from each other at random, by every call of the
// package and by package context's own cancel, and holds each of them against a
// model of what the doc comments say: who may have ended it, what it then says,
// its deadline and its values.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

// node is one context and what the model knows of it. Times count from the
// start.
type node struct {
	ctx, child context.Context // child is of package context, below ctx
	end        func()
	ours       outcome // what end leaves

	name          string
	first, second *node // parents; second of a merge only
	key           key   // has the node's name as its value; -1 for none

	merged   bool
	detached bool          // outlives first
	grace    time.Duration // of that
	fixed    bool          // deadline is its own and known; else it follows from the parents'
	deadline time.Duration
	limit    *ctxutil.TimeoutError // the cause when deadline has come

	// announced says of each parent of a merge what its deadline was when it
	// was merged, and done whether it was over.
	announced [2]announcement

	ended bool
	said  outcome
	at    time.Duration
}

type announcement struct {
	known, done bool
	deadline    time.Duration
}

// nest is the model: all nodes, parents before children, and the time.
type nest struct {
	t      *testing.T
	began  time.Time
	now    time.Duration
	nodes  []*node
	merges int
}

// due returns the deadline that n has now.
func (n *node) due() (time.Duration, bool) {
	switch {
	case n.fixed:
		return n.deadline, true
	case n.first == nil:
		return 0, false
	case n.merged:
		first, ok := n.first.due()
		second, also := n.second.due()
		if !ok || also && second < first {
			return second, also
		}
		return first, ok
	}
	due, ok := n.first.due()
	if n.detached {
		due += n.grace
	}
	return due, ok
}

func (n *node) value(k key) any {
	switch {
	case n == nil:
		return nil
	case n.key == k:
		return n.name
	}
	if v := n.first.value(k); v != nil {
		return v
	}
	return n.second.value(k)
}

// possible returns the ends that n may have had at this instant; none if it must
// be live. The cause of its own deadline is known by its text only.
func (s *nest) possible(n *node) (all []outcome) {
	if n.fixed && n.deadline <= s.now {
		all = append(all, outcome{context.DeadlineExceeded, n.limit})
	}
	switch {
	case n.merged:
		for i, p := range []*node{n.first, n.second} {
			was := n.announced[i]
			if !p.ended {
				continue
			}
			all = append(all, p.said)
			if p.said.err == context.DeadlineExceeded && !was.done && (!was.known || was.deadline != p.at) {
				all = append(all, outcome{context.Canceled, p.said.cause})
			}
		}
		if n.announced[0].done || n.announced[1].done {
			all = all[:1] // of first, if both are
		}
	case n.detached:
	case n.first != nil && n.first.ended:
		all = append(all, n.first.said)
	}
	return all
}

// settle takes note of who ended, and checks that it was possible.
func (s *nest) settle() {
	synctest.Wait()
	for _, n := range s.nodes {
		if n.detached && !n.fixed && !n.ended && n.first.ended {
			n.fixed, n.deadline = true, n.first.at+n.grace
			n.limit = graceOf(n)
		}
		said := endOf(n.ctx)
		if !n.ended {
			possible := s.possible(n)
			if len(possible) == 0 {
				require.Equal(s.t, outcome{}, said, "%s at %v", n.name, s.now)
				continue
			}
			found := false
			for _, p := range possible {
				found = found || same(p, said)
			}
			require.True(s.t, found, "%s at %v: %v, and possible was %v", n.name, s.now, said, possible)
			n.ended, n.said, n.at = true, said, s.now
		}
		require.Equal(s.t, n.said, said, "%s at %v", n.name, s.now)
		require.Equal(s.t, n.said, endOf(n.child), "the child of %s at %v", n.name, s.now)
	}
}

// same compares two ends; a limit that the model made has only its text to go by.
func same(a, b outcome) bool {
	if a.err != b.err || a.cause == b.cause {
		return a == b
	}
	var ours, theirs *ctxutil.TimeoutError
	return errors.As(a.cause, &ours) && errors.As(b.cause, &theirs) &&
		ours.Name == theirs.Name && ours.Limit == theirs.Limit && ours.Elapsed == theirs.Elapsed
}

// check holds deadlines and values against the model.
func (s *nest) check() {
	for _, n := range s.nodes {
		due, ok := n.due()
		deadline, has := n.ctx.Deadline()
		require.Equal(s.t, ok, has, "%s at %v", n.name, s.now)
		if ok {
			require.Equal(s.t, due, deadline.Sub(s.began), "%s at %v", n.name, s.now)
		}
		for k := range key(4) {
			require.Equal(s.t, n.value(k), n.child.Value(k), "%s at %v", n.name, s.now)
		}
	}
}

func (s *nest) add(n *node, cancel func(), arg int) {
	n.key = -1
	if arg%3 == 0 {
		n.key = key(len(s.nodes) % 4)
		n.ctx = context.WithValue(n.ctx, n.key, n.name)
	}
	var release context.CancelFunc
	n.child, release = context.WithCancel(n.ctx)
	s.t.Cleanup(func() { release(); cancel() })
	n.end = func() {
		cancel()
		if !n.ended {
			n.ended, n.said, n.at = true, n.ours, s.now
		}
	}
	s.nodes = append(s.nodes, n)
}

// derive adds a context below p, or below p and q.
func (s *nest) derive(op, arg int, p, q *node) {
	n := &node{name: fmt.Sprint("node ", len(s.nodes)), first: p, ours: outcome{context.Canceled, context.Canceled}}
	d := time.Duration(arg%9-1) * time.Second
	due, ok := p.due()
	var cancel context.CancelFunc
	switch op {
	case 0:
		n.ctx, cancel = ctxutil.ShrinkNamed(p.ctx, n.name, d)
		if own := s.now + max(d, 0); !ok || own < due || d <= 0 && !p.ended {
			n.fixed, n.deadline = true, own
			n.limit = &ctxutil.TimeoutError{Name: n.name, Limit: d, Elapsed: max(d, 0)}
		}
	case 1:
		if s.merges++; s.merges > 8 { // each asks two, so what many cost is 2 to their power
			return
		}
		n.merged, n.second = true, q
		theirs, also := q.due()
		n.announced = [2]announcement{{ok, p.ended, due}, {also, q.ended, theirs}}
		n.ctx, cancel = ctxutil.Merge(p.ctx, q.ctx)
	case 2:
		n.detached, n.grace = d > 0 && p.ctx.Done() != nil, d
		n.ctx, cancel = ctxutil.Detach(p.ctx, d)
		if n.detached && p.ended {
			n.fixed, n.deadline, n.limit = true, s.now+d, graceOf(n)
		}
	case 3:
		reserve, least := d, time.Duration(arg/9%4)*time.Second
		var err error
		n.ctx, cancel, err = ctxutil.Budget(p.ctx, reserve, least)
		reserve = max(reserve, 0)
		usable := due - reserve - s.now
		switch {
		case p.ended:
			require.ErrorIs(s.t, err, p.said.err)
			require.ErrorIs(s.t, err, p.said.cause)
		case ok && (usable <= 0 || usable < least):
			require.ErrorIs(s.t, err, context.DeadlineExceeded)
			var timeout *ctxutil.TimeoutError
			require.ErrorAs(s.t, err, &timeout)
			require.Equal(s.t, max(usable, 0), timeout.Limit)
			require.Equal(s.t, reserve+max(least, 1), timeout.RetryAfter)
		default:
			require.NoError(s.t, err)
		}
		if err != nil {
			cancel()
			return
		}
		if ok && reserve > 0 {
			n.fixed, n.deadline = true, due-reserve
			n.limit = &ctxutil.TimeoutError{Name: "budget", Limit: usable, Elapsed: usable}
		}
	case 4:
		ctx, stop := context.WithCancelCause(p.ctx)
		n.ours.cause = errors.New(n.name)
		n.ctx, cancel = ctx, func() { stop(n.ours.cause) }
	}
	s.add(n, cancel, arg)
}

func graceOf(n *node) *ctxutil.TimeoutError {
	return &ctxutil.TimeoutError{Name: "grace", Limit: n.grace, Elapsed: n.grace}
}

// run plays a program, three bytes an operation.
func (s *nest) run(program []byte) {
	s.began = time.Now()
	s.add(&node{name: "never", ctx: context.Background()}, func() {}, 1)
	s.derive(4, 1, s.nodes[0], nil)
	for ; len(program) >= 3 && len(s.nodes) < 40; program = program[3:] {
		arg := int(program[1])
		p, q := s.nodes[int(program[2]%16)%len(s.nodes)], s.nodes[int(program[2]/16)%len(s.nodes)]
		if arg%2 == 0 { // the youngest, so that nests get deep
			p = s.nodes[len(s.nodes)-1]
		}
		switch op := int(program[0] % 8); op {
		case 5:
			if q.first != nil {
				q.end()
			}
		case 6, 7:
			for range arg % 3 {
				time.Sleep(time.Second)
				s.now = time.Since(s.began)
				s.settle() // who ended when is noted second by second
			}
		default:
			s.derive(op, arg, p, q)
		}
		s.settle()
		s.check()
	}
}

func FuzzNestsAgreeWithTheModel(f *testing.F) {
	f.Add([]byte{0, 3, 1, 0, 3, 1, 1, 1, 0x32, 6, 2, 0})             // two equal limits merged
	f.Add([]byte{0, 9, 1, 2, 4, 2, 1, 1, 0x31, 5, 0, 0x20, 6, 2, 0}) // a grace merged, and its parent cancelled
	f.Add([]byte{0, 8, 1, 3, 11, 2, 2, 2, 3, 6, 2, 0, 6, 2, 0})      // a budget, and a grace after it
	f.Add([]byte{4, 1, 1, 1, 1, 0x21, 2, 5, 3, 5, 1, 0x20, 6, 2, 0}) // a cause through a merge into a grace
	f.Fuzz(func(t *testing.T, program []byte) {
		synctest.Test(t, func(t *testing.T) { (&nest{t: t}).run(program) })
	})
}

func TestNestsAgreeWithTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 150 {
		program := make([]byte, 150)
		for i := range program {
			program[i] = byte(random.UintN(256))
		}
		synctest.Test(t, func(t *testing.T) { (&nest{t: t}).run(program) })
	}
}
