package errgroup_test

// This file runs random programs on a group and on a model of forty lines, and
// on x/sync's group wherever that gives an answer that can be compared.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	xsync "golang.org/x/sync/errgroup"

	"github.com/belay-go/belay/errgroup"
)

type group interface {
	Go(func() error)
	TryGo(func() error) bool
	SetLimit(int)
	Wait() error
}

// model is what a group promises, one step at a time.
type model struct {
	limit     int
	running   []int // tasks that hold a slot, oldest first
	blocked   []int // tasks whose Go has not returned, oldest first
	waiting   int   // Waits that have not returned
	unlimited bool  // a running task was started without a limit
	err       error
	cause     error // of the context's end
}

// end ends the context; what ended it first stays its cause.
func (m *model) end(cause error) {
	if m.cause == nil {
		m.cause = cause
	}
}

func (m *model) full() bool { return m.limit >= 0 && len(m.running) >= m.limit }

func (m *model) settle() {
	for len(m.blocked) > 0 && !m.full() {
		m.running, m.blocked = append(m.running, m.blocked[0]), m.blocked[1:]
	}
	if len(m.running) == 0 {
		m.unlimited = false
		if m.waiting > 0 {
			m.end(context.Canceled)
		}
		m.waiting = 0
	}
}

// What the world can see after each step.
func (m *model) String() string {
	running := slices.Clone(m.running)
	slices.Sort(running)
	return fmt.Sprintf("runs %v, %d Gos and %d Waits blocked, cause %v", running, len(m.blocked), m.waiting, m.cause)
}

// subject drives a real group.
type subject struct {
	group
	ctx context.Context

	mu      sync.Mutex
	ends    map[int]chan error // of the running tasks
	blocked map[int]bool       // tasks whose Go has not returned
	waiting int                // Waits that have not returned
}

func (s *subject) task(id int) func() error {
	return func() error {
		end := make(chan error)
		s.locked(func() { s.ends[id] = end })
		err := <-end
		s.locked(func() { delete(s.ends, id) })
		if err == errGoexit {
			runtime.Goexit()
		}
		return err
	}
}

func (s *subject) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// oneRunning returns the end of some task that runs, or nil.
func (s *subject) oneRunning() (end chan error) {
	s.locked(func() {
		for _, end = range s.ends {
			return
		}
	})
	return end
}

func (s *subject) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	running := []int{}
	for id := range s.ends {
		running = append(running, id)
	}
	slices.Sort(running)
	return fmt.Sprintf("runs %v, %d Gos and %d Waits blocked, cause %v", running, len(s.blocked), s.waiting, context.Cause(s.ctx))
}

var errGoexit = fmt.Errorf("not an error: the task is to call Goexit")

// run interprets a program, two bytes a step, on a group and on the model. It
// works inside a bubble: after each step everything comes to rest, so the
// goroutines take turns and share s without a lock. With comparable set it
// leaves out the steps to which x/sync has no certain answer.
func run(t *testing.T, program []byte, comparable bool, g group, ctx context.Context) {
	m := &model{limit: -1}
	s := &subject{group: g, ctx: ctx, ends: map[int]chan error{}, blocked: map[int]bool{}}
	next := 0
	for ; len(program) >= 2; program = program[2:] {
		op, arg := program[0]%8, int(program[1])
		step := ""
		switch {
		case op <= 2: // Go
			if comparable && m.waiting > 0 && m.full() {
				continue // whether that Wait counts that Go is x/sync's race
			}
			id := next
			next++
			step = fmt.Sprintf("Go(%d)", id)
			m.unlimited = m.unlimited || m.limit < 0
			m.blocked = append(m.blocked, id)
			m.settle()
			s.locked(func() { s.blocked[id] = true })
			go func() { s.Go(s.task(id)); s.locked(func() { delete(s.blocked, id) }) }()
		case op == 3: // TryGo
			step = "TryGo"
			if full := m.full(); !full {
				m.unlimited = m.unlimited || m.limit < 0
				m.running = append(m.running, next)
				require.True(t, s.TryGo(s.task(next)), step)
				next++
			} else {
				require.False(t, s.TryGo(s.task(next)), step)
			}
		case op <= 5 && len(m.running) > 0: // a task ends
			i := arg % len(m.running)
			id := m.running[i]
			err := []error{nil, nil, fmt.Errorf("error of %d", id), errGoexit}[arg/16%4]
			step = fmt.Sprintf("task %d ends: %v", id, err)
			m.running = slices.Delete(m.running, i, i+1)
			if err != nil && err != errGoexit && m.err == nil {
				m.err = err
				m.end(err)
			}
			m.settle()
			var end chan error
			s.locked(func() { end = s.ends[id] })
			end <- err
		case op == 6: // SetLimit
			n := arg%6 - 1
			if comparable && (m.unlimited || len(m.blocked) > 0 || n < 0 && len(m.running) > 0) {
				continue // x/sync miscounts, strands the blocked Gos, or races
			}
			step = fmt.Sprintf("SetLimit(%d)", n)
			if n >= 0 && len(m.running) > 0 {
				want := fmt.Sprintf("errgroup: modify limit while %d goroutines in the group are still active", len(m.running))
				require.PanicsWithError(t, want, func() { s.SetLimit(n) }, step)
			} else {
				m.limit = n
				m.unlimited = m.unlimited || len(m.blocked) > 0
				m.settle()
				s.SetLimit(n)
			}
		case op == 7: // Wait
			if comparable && len(m.blocked) > 0 {
				continue // as with Go
			}
			step = "Wait"
			m.waiting++
			m.settle()
			s.locked(func() { s.waiting++ })
			go func() { _ = s.Wait(); s.locked(func() { s.waiting-- }) }()
		}
		synctest.Wait()
		require.Equal(t, m.String(), s.String(), step)
		if m.cause != nil && len(m.running) == 0 {
			require.Equal(t, m.err, s.Wait(), step)
		}
	}
	finish(t, m, s, comparable)
}

// finish lets everything end that the program has left.
func finish(t *testing.T, m *model, s *subject, comparable bool) {
	if len(m.blocked) > 0 {
		if comparable && m.limit == 0 {
			t.Fatal("BUG: x/sync would hang")
		}
		if !comparable {
			s.SetLimit(-1)
			synctest.Wait()
		}
	}
	for end := s.oneRunning(); end != nil; end = s.oneRunning() {
		end <- nil
		synctest.Wait()
	}
	require.Equal(t, m.err, s.Wait())
	require.Empty(t, s.blocked)
}

func randomProgram(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	program := make([]byte, 2*(5+r.IntN(60)))
	for i := range program {
		program[i] = byte(r.Uint32())
	}
	return program
}

// withoutZero maps limit zero to one: x/sync's blocked Gos could never end.
func withoutZero(program []byte) []byte {
	for i := 0; i+1 < len(program); i += 2 {
		if program[i]%8 == 6 && int(program[i+1])%6 == 1 {
			program[i+1]++
		}
	}
	return program
}

func TestAGroupBehavesLikeTheModelOnRandomPrograms(t *testing.T) {
	for seed := range uint64(2000) {
		for _, fresh := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				defer reportSeed(t, seed)
				g, ctx := errgroup.WithContext(t.Context())
				if fresh {
					g, ctx = errgroup.New(t.Context(), errgroup.Options{FreshGoroutines: true})
				}
				program := randomProgram(seed)
				if fresh { // there a Goexit is an error
					program = withoutGoexit(program)
				}
				run(t, program, false, g, ctx)
			})
		}
	}
}

func withoutGoexit(program []byte) []byte {
	for i := 0; i+1 < len(program); i += 2 {
		if op := program[i] % 8; (op == 4 || op == 5) && program[i+1]/16%4 == 3 {
			program[i+1] ^= 16
		}
	}
	return program
}

func TestOursAndXSyncsAnswerAlikeOnRandomPrograms(t *testing.T) {
	for seed := range uint64(2000) {
		synctest.Test(t, func(t *testing.T) {
			defer reportSeed(t, seed)
			program := withoutZero(randomProgram(seed))
			g, ctx := errgroup.WithContext(t.Context())
			run(t, program, true, g, ctx)
			theirs, ctx := xsync.WithContext(t.Context())
			run(t, program, true, theirs, ctx)
		})
	}
}

func reportSeed(t *testing.T, seed uint64) {
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}

func FuzzAGroupBehavesLikeTheModel(f *testing.F) {
	f.Add([]byte{6, 2, 0, 0, 0, 0, 0, 0, 7, 0, 4, 0, 4, 32, 4, 48})
	f.Add([]byte{6, 1, 0, 0, 0, 0, 7, 0, 6, 3, 4, 0, 6, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			g, ctx := errgroup.WithContext(t.Context())
			run(t, program, false, g, ctx)
		})
	})
}
