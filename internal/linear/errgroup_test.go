package linear_test

// This file checks the limit of errgroups. A task's slot is taken by a call, and
// given back by nobody's: at some moment between the task's end and the end of
// all. So that is how long the operation lasts in the history.

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/errgroup"
	"github.com/belay-go/belay/internal/linear"
)

// slots is what is checked.
type slots interface {
	GoContext(ctx context.Context, f func(context.Context) error) error
	TryGo(f func() error) bool
	Resize(n int)
	Wait() error
}

// ends are the operations that give slots back, of one history.
type ends struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
}

// note is called by a task as its last act.
func (e *ends) note() {
	now := e.clock.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ops = append(e.ops, porcupine.Operation{ClientId: 1000 + len(e.ops), Call: now, Input: request{release, 1}, Output: answer{ok: true}})
}

// submitters give tasks to a group and change its limit. waits is whether calls
// wait, which others can tell.
func submit(g slots, e *ends, most int64, waits, resizes bool) linear.Program {
	return func(random *rand.Rand, _ func(func() (any, any))) {
		for range 4 {
			turns := random.IntN(3)
			task := func() error {
				for range turns {
					runtime.Gosched()
				}
				e.note()
				return nil
			}
			op := porcupine.Operation{Call: e.clock.Add(1), Input: request{try, 1}}
			switch kind := random.IntN(6); {
			case kind == 0 && resizes:
				n := 1 + random.Int64N(most)
				g.Resize(int(n))
				op.Input, op.Output = request{resize, n}, answer{ok: true}
			case kind < 4 && waits:
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.Int64N(60_000)))
				err := g.GoContext(ctx, func(context.Context) error { return task() })
				cancel()
				op.Input, op.Output = request{acquire, 1}, answer{ok: err == nil}
			default:
				op.Output = answer{ok: g.TryGo(task)}
			}
			op.Return = e.clock.Add(1)
			e.mu.Lock()
			e.ops = append(e.ops, op)
			e.mu.Unlock()
		}
	}
}

func unexplainedSlots(t *testing.T, histories int, waits, resizes bool, fresh func() slots) []porcupine.Operation {
	const limit = 2
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	first := rand.Uint64()
	for i := range uint64(histories) {
		runtime.GOMAXPROCS([]int{1, 2, 8}[i%3])
		g, e := fresh(), new(ends)
		g.Resize(limit)
		linear.Record(first+i, 3, submit(g, e, 3, waits, resizes))
		require.NoError(t, g.Wait())
		last := e.clock.Add(1)
		for j := range e.ops {
			if e.ops[j].Return == 0 {
				e.ops[j].Return = last
			}
		}
		if !linear.Explained(semaphoreModel(limit, waits), slices.Clip(e.ops)) {
			t.Logf("seed %d", first+i)
			return e.ops
		}
	}
	return nil
}

func TestTheLimitOfAGroupIsLinearizable(t *testing.T) {
	for name, c := range map[string]struct{ waits, resizes bool }{
		"nobody waits":              {false, false},
		"nobody waits, other limit": {false, true},
		"with a line":               {true, false},
		"with a line, other limit":  {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, unexplainedSlots(t, rounds(t), c.waits, c.resizes, func() slots { return new(errgroup.Group) }))
		})
	}
}

// overrun is a group with a fault in its limit.
type overrun struct {
	*errgroup.Group
	fault string
	mine  errgroup.Group // without a limit
	first atomic.Int64
}

func (o *overrun) TryGo(f func() error) bool {
	switch o.fault {
	case "starts what it has no room for":
		return o.Group.TryGo(f) || o.mine.TryGo(f)
	case "refuses although there is room":
		if o.first.Add(1) == 1 {
			return false
		}
	case "runs what it has refused":
		if !o.Group.TryGo(f) {
			o.mine.Go(f)
			return false
		}
		return true
	}
	return o.Group.TryGo(f)
}

func (o *overrun) Resize(n int) {
	if o.fault == "keeps the old limit" && o.first.Add(1) > 1 {
		return
	}
	o.Group.Resize(n)
}

func (o *overrun) Wait() error {
	_ = o.mine.Wait()
	return o.Group.Wait()
}

func TestFaultyGroupsAreFoundOut(t *testing.T) {
	for _, fault := range []string{
		"starts what it has no room for", "refuses although there is room", "runs what it has refused", "keeps the old limit",
	} {
		fresh := func() slots { return &overrun{Group: new(errgroup.Group), fault: fault} }
		require.NotEmpty(t, unexplainedSlots(t, 3000, false, true, fresh), fault)
	}
	require.Empty(t, unexplainedSlots(t, 200, false, true, func() slots { return &overrun{Group: new(errgroup.Group)} }), "without a fault")
}
