package ctxutil_test

// This file nests bounded contexts at random and holds each of them against a
// model that knows nothing but the three ways in which one can end.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

// layer is one bounded context and what the model knows of it.
type layer struct {
	ctx    context.Context
	cancel context.CancelFunc

	parent   *layer        // nil for the outermost
	name     string        // of the layer
	limit    time.Duration // as asked for
	deadline time.Duration // since the start; the least of its own and its parents'
	endedBy  string        // the layer that ended it; "" while it is live
	expired  bool          // endedBy was out of time, not cancelled
	lasted   time.Duration // the limit of the layer that expired
}

// stack is the model: all layers, in the order of their making, and the time.
type stack struct {
	layers []*layer
	now    time.Duration
}

// push adds a layer below parent.
func (s *stack) push(root context.Context, parent *layer, d time.Duration) {
	l := &layer{parent: parent, name: fmt.Sprint("layer ", len(s.layers)), limit: d, deadline: s.now + max(d, 0)}
	above := root
	if parent != nil {
		above = parent.ctx
		l.deadline = min(l.deadline, parent.deadline)
	}
	l.ctx, l.cancel = ctxutil.ShrinkNamed(above, l.name, d)
	s.layers = append(s.layers, l)
	s.settle()
}

// settle ends what is out of time or below something that ended. A parent is
// always looked at before its children, and of two with one deadline it is the
// parent that ends.
func (s *stack) settle() {
	for _, l := range s.layers {
		switch p := l.parent; {
		case l.endedBy != "":
		case p != nil && p.endedBy != "":
			l.endedBy, l.expired, l.lasted = p.endedBy, p.expired, p.lasted
		case l.deadline <= s.now:
			l.endedBy, l.expired, l.lasted = l.name, true, l.limit
		}
	}
}

// check holds every layer against the model.
func (s *stack) check(t *testing.T) {
	for _, l := range s.layers {
		switch cause := context.Cause(l.ctx); {
		case l.endedBy == "":
			require.NoError(t, l.ctx.Err(), l.name)
		case !l.expired:
			require.Equal(t, context.Canceled, l.ctx.Err(), l.name)
			require.Equal(t, context.Canceled, cause, l.name)
		default:
			require.Equal(t, context.DeadlineExceeded, l.ctx.Err(), l.name)
			require.Equal(t, &ctxutil.TimeoutError{Name: l.endedBy, Limit: l.lasted, Elapsed: max(l.lasted, 0)}, cause, l.name)
		}
	}
}

// run plays a program, two bytes an operation.
func (s *stack) run(t *testing.T, program []byte) {
	began := time.Now()
	for ; len(program) >= 2 && len(s.layers) < 64; program = program[2:] {
		op, arg := program[0], int(program[1])
		var l *layer
		if len(s.layers) > 0 {
			l = s.layers[arg%len(s.layers)]
		}
		switch op % 4 {
		case 0, 1:
			s.push(t.Context(), l, time.Duration(int(op/4)%12-1)*time.Second)
		case 2:
			if l != nil {
				l.cancel()
				if l.endedBy == "" {
					l.endedBy = l.name
				}
			}
		case 3:
			for range arg % 4 {
				time.Sleep(time.Second)
				synctest.Wait()
				s.now = time.Since(began)
				s.settle() // who ends first is decided second by second
			}
		}
		s.settle()
		s.check(t)
	}
	for _, l := range s.layers {
		l.cancel()
	}
}

func FuzzNestedTimesNameTheLayerThatEnded(f *testing.F) {
	f.Add([]byte{40, 0, 16, 0, 3, 2, 3, 1})      // an outer second and an inner one
	f.Add([]byte{20, 0, 44, 0, 3, 3, 3, 3})      // a parent that ends sooner
	f.Add([]byte{20, 0, 44, 0, 2, 0, 3, 3})      // a cancel
	f.Add([]byte{0, 0, 4, 0, 20, 1, 3, 1, 2, 2}) // times that have passed
	f.Fuzz(func(t *testing.T, program []byte) {
		synctest.Test(t, func(t *testing.T) { new(stack).run(t, program) })
	})
}

func TestNestedTimesAgreeWithTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		program := make([]byte, 80)
		for i := range program {
			program[i] = byte(random.UintN(256))
		}
		synctest.Test(t, func(t *testing.T) { new(stack).run(t, program) })
	}
}
