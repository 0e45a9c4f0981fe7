package linear_test

// This file checks groups of tasks that are waited for.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/linear"
	"github.com/belay-go/belay/timeout"
)

// tasks is what is checked.
type tasks interface {
	Add(n int)
	TryAdd(n int) bool
	Close()
	Done()
	Len() int
	Wait()
	WaitContext(ctx context.Context) error
	WaitTimeout(d time.Duration) (timedOut bool)
}

const (
	add    verb = "add"
	tryAdd verb = "try to add"
	shut   verb = "close"
	done   verb = "done"
	length verb = "len"
	wait   verb = "wait"
	look   verb = "is there any"
)

type tasksState struct {
	n    int
	shut bool
}

// tasksModel is a count of tasks, for which a wait is over if it was zero at some
// moment of the wait. A wait may be given up at any time.
var tasksModel = porcupine.Model{
	Init: func() any { return tasksState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(tasksState), input.(request), output.(answer)
		switch in.verb {
		case tryAdd:
			if !out.ok {
				return s.shut, s
			}
			return !s.shut, tasksState{s.n + int(in.n), s.shut}
		case shut:
			return true, tasksState{s.n, true}
		case add, done:
			return s.n+int(in.n) >= 0, tasksState{s.n + int(in.n), s.shut}
		case length:
			return int(out.got) == s.n, s
		case look:
			return out.ok == (s.n > 0), s
		default:
			return !out.ok || s.n == 0, s
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%v: %v", input, output) },
}

// foreman adds tasks, ends them, and waits now and then for those of all.
func foreman(wg tasks, closes bool) linear.Program {
	return func(random *rand.Rand, record func(func() (any, any))) {
		mine := 0
		end := func() {
			mine--
			record(func() (any, any) { wg.Done(); return request{done, -1}, answer{ok: true} })
		}
		for range 6 {
			n := 1 + random.IntN(2)
			switch kind := random.IntN(9); {
			case kind < 2:
				record(func() (any, any) { wg.Add(n); return request{add, int64(n)}, answer{ok: true} })
				mine += n
			case kind == 2:
				record(func() (any, any) {
					ok := wg.TryAdd(n)
					if ok {
						mine += n
					}
					return request{tryAdd, int64(n)}, answer{ok: ok}
				})
			case kind == 3:
				record(func() (any, any) { return request{verb: length}, answer{got: int64(wg.Len())} })
			case kind == 4:
				record(func() (any, any) { return request{verb: look}, answer{ok: wg.WaitTimeout(0)} })
			case kind == 5 && closes && random.IntN(3) == 0:
				record(func() (any, any) { wg.Close(); return request{verb: shut}, answer{ok: true} })
			case kind < 7:
				record(func() (any, any) {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.Int64N(60_000)))
					defer cancel()
					return request{verb: wait}, answer{ok: wg.WaitContext(ctx) == nil}
				})
			case kind == 7:
				record(func() (any, any) {
					return request{verb: wait}, answer{ok: !wg.WaitTimeout(time.Duration(1 + random.Int64N(60_000)))}
				})
			case mine > 0:
				end()
			}
		}
		for mine > 0 {
			end()
		}
		record(func() (any, any) { wg.Wait(); return request{verb: wait}, answer{ok: true} })
	}
}

func unexplainedTasks(t *testing.T, histories int, closes bool, fresh func() tasks) []porcupine.Operation {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	first := rand.Uint64()
	for i := range uint64(histories) {
		runtime.GOMAXPROCS([]int{1, 2, 8}[i%3])
		history := linear.Record(first+i, 4, foreman(fresh(), closes))
		if !linear.Explained(tasksModel, history) {
			t.Logf("seed %d", first+i)
			return history
		}
	}
	return nil
}

func TestTheWaitGroupIsLinearizable(t *testing.T) {
	for _, closes := range []bool{false, true} {
		require.Empty(t, unexplainedTasks(t, rounds(t), closes, func() tasks { return new(timeout.WaitGroup) }))
	}
}

// sloppy is a group that is right but for one fault.
type sloppy struct {
	timeout.WaitGroup
	fault string
	n     atomic.Int64
	shut  atomic.Bool
}

func (s *sloppy) Add(n int) {
	if s.fault == "counts by load and store" {
		was := s.n.Load()
		runtime.Gosched()
		s.n.Store(was + int64(n))
	} else {
		s.n.Add(int64(n))
	}
	s.WaitGroup.Add(n)
}

func (s *sloppy) Done() { s.Add(-1) }

func (s *sloppy) Len() int {
	if s.fault == "" {
		return s.WaitGroup.Len()
	}
	return int(s.n.Load())
}

func (s *sloppy) TryAdd(n int) bool {
	if s.fault == "" {
		return s.WaitGroup.TryAdd(n)
	}
	if s.shut.Load() && s.fault != "adds after the close" {
		return false
	}
	s.Add(n)
	return true
}

func (s *sloppy) Close() { s.shut.Store(true); s.WaitGroup.Close() }

func (s *sloppy) WaitContext(ctx context.Context) error {
	if err := s.WaitGroup.WaitContext(ctx); s.fault != "ends a wait with its context" {
		return err
	}
	return nil
}

func (s *sloppy) WaitTimeout(d time.Duration) bool {
	late := s.WaitGroup.WaitTimeout(d)
	if s.fault == "says that nothing runs while something does" && d == 0 {
		return false
	}
	return late
}

func TestFaultyWaitGroupsAreFoundOut(t *testing.T) {
	for _, fault := range []string{
		"counts by load and store", "adds after the close", "ends a wait with its context", "says that nothing runs while something does",
	} {
		require.NotEmpty(t, unexplainedTasks(t, 3000, true, func() tasks { return &sloppy{fault: fault} }), fault)
	}
	require.Empty(t, unexplainedTasks(t, 200, true, func() tasks { return &sloppy{} }), "without a fault")
}
