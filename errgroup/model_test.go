package errgroup_test

// This file runs random programs on a group of every kind and on a model that
// predicts, one step at a time, what runs, what is blocked, what each call
// returned and what was counted; and on x/sync's group wherever that gives an
// answer that can be compared.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	xsync "golang.org/x/sync/errgroup"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

// group is what x/sync's group has too.
type group interface {
	Go(func() error)
	TryGo(func() error) bool
	SetLimit(int)
	Wait() error
}

// variant is a kind of group. The options count only if New makes it.
type variant struct {
	zero bool // has no context
	made bool // by New
	errgroup.Options
}

var variants = []variant{
	{}, // made by WithContext
	{zero: true},
	{made: true},
	{made: true, Options: errgroup.Options{FreshGoroutines: true}},
	{made: true, Options: errgroup.Options{SkipDone: true}},
	{made: true, Options: errgroup.Options{SkipDone: true, FreshGoroutines: true, Errors: 1}},
	{made: true, Options: errgroup.Options{Errors: 2}},
	{made: true, Options: errgroup.Options{Errors: -1, SkipDone: true}},
	{made: true, Options: errgroup.Options{PanicsAsErrors: true}},
	{made: true, Options: errgroup.Options{PanicsAsErrors: true, Errors: -1, FreshGoroutines: true}},
	{made: true, Options: errgroup.Options{PanicsAsErrors: true, Errors: 2, SkipDone: true}},
}

// group returns a group of this kind, and its context if it has one.
func (v variant) group(parent context.Context) (*errgroup.Group, context.Context) {
	switch {
	case v.zero:
		return new(errgroup.Group), nil
	case v.made:
		v.OnPanic = func(*belay.PanicError) {} // says nothing
		return errgroup.New(parent, v.Options)
	}
	return errgroup.WithContext(parent)
}

// model is what a group promises, one step at a time.
type model struct {
	variant
	limit     int
	running   []int   // tasks that hold a slot, oldest first
	blocked   []int   // calls of Go and GoContext that have not returned, oldest first
	waiting   []int   // calls of Wait and WaitContext that have not returned
	contexts  []int   // calls that were given a context which has not ended
	unlimited bool    // a running task was started without a limit
	failures  []error // of tasks, in the order in which they came
	skipped   error   // why the first skipped task was
	cause     error   // of the end of the group's context
	stats     belay.Stats
	returned  map[int]string // what the calls returned that did so in this step
}

func (m *model) full() bool { return m.limit >= 0 && len(m.running) >= m.limit }

// end ends the group's context; what ended it first stays its cause.
func (m *model) end(cause error) {
	if m.cause == nil && !m.zero {
		m.cause = cause
	}
}

func (m *model) submit(id int) {
	m.unlimited = m.unlimited || m.limit < 0
	if m.full() {
		m.blocked = append(m.blocked, id)
		return
	}
	m.returned[id] = said(nil)
	m.start(id)
}

// start gives a task its slot.
func (m *model) start(id int) {
	m.stats.Total++
	if !m.SkipDone || m.cause == nil {
		m.running = append(m.running, id)
		return
	}
	m.stats.Skipped++
	if m.skipped == nil {
		m.skipped = ended(m.cause)
	}
}

func (m *model) finish(id int, how error) {
	m.running = without(m.running, id)
	switch {
	case how == errGoexit && m.made:
		m.fail(belay.ErrGoexit)
	case errors.As(how, new(panics)):
		m.stats.Panicked++
		m.fail(&belay.PanicError{Value: errors.Unwrap(how)})
	case how != nil && how != errGoexit:
		m.fail(how)
	}
	m.settle()
}

func (m *model) fail(err error) {
	m.stats.Failed++
	m.failures = append(m.failures, err)
	m.end(err)
}

func (m *model) resize(n int) {
	m.limit = n
	m.unlimited = m.unlimited || len(m.blocked) > 0
	m.settle()
}

func (m *model) wait(id int) {
	m.waiting = append(m.waiting, id)
	m.settle()
}

// settle lets those go on that need not wait any more.
func (m *model) settle() {
	for len(m.blocked) > 0 && !m.full() {
		id := m.blocked[0]
		m.blocked = m.blocked[1:]
		m.stats.Waited++
		m.returned[id] = said(nil)
		m.start(id)
	}
	if len(m.running) > 0 {
		return
	}
	m.unlimited = false
	for _, id := range m.waiting {
		m.returned[id] = said(m.result())
		m.end(context.Canceled)
	}
	m.waiting = nil
}

// giveUp ends the context of a call, which has an effect only while it blocks.
func (m *model) giveUp(id int, cause error) {
	m.contexts = without(m.contexts, id)
	switch {
	case slices.Contains(m.blocked, id):
		m.blocked = without(m.blocked, id)
		m.stats.Cancelled++
		m.returned[id] = said(ended(cause))
	case slices.Contains(m.waiting, id):
		m.waiting = without(m.waiting, id)
		m.returned[id] = said(m.stillRuns(cause))
	}
}

func (m *model) stillRuns(cause error) error {
	return fmt.Errorf("errgroup: %s: %w", plural(len(m.running), "task still runs", "tasks still run"), ended(cause))
}

// result is what a Wait returns when nothing runs.
func (m *model) result() error {
	kept := m.kept()
	switch more := len(m.failures) - len(kept); {
	case m.Errors != 0 && len(m.failures) > 1 && more > 0:
		return fmt.Errorf("%w\nand %s", errors.Join(kept...), plural(more, "more error", "more errors"))
	case m.Errors != 0 && len(m.failures) > 1:
		return errors.Join(kept...)
	case len(m.failures) > 0:
		return m.failures[0]
	case m.skipped != nil:
		return fmt.Errorf("errgroup: %s skipped: %w", plural(int(m.stats.Skipped), "task", "tasks"), m.skipped)
	}
	return nil
}

// kept are the errors that a Wait says something of.
func (m *model) kept() []error {
	n := m.Errors
	switch {
	case n < 0:
		n = len(m.failures)
	case n == 0:
		n = 1
	}
	return m.failures[:min(n, len(m.failures))]
}

func (m *model) counted() belay.Stats {
	m.stats.Limit = int64(max(m.limit, -1))
	m.stats.InFlight, m.stats.Waiting = int64(len(m.running)), int64(len(m.blocked))
	return m.stats
}

func (m *model) String() string {
	return state(slices.Clone(m.running), slices.Concat(m.blocked, m.waiting), m.returned, m.cause)
}

// state is what the world can see after each step.
func state(running, pending []int, returned map[int]string, cause error) string {
	slices.Sort(running)
	slices.Sort(pending)
	return fmt.Sprintf("runs %v, calls that block %v, returned %v, cause %v", running, pending, returned, cause)
}

// ended is the error of a call whose context was cancelled with cause.
func ended(cause error) error {
	if cause == context.Canceled {
		return cause
	}
	return fmt.Errorf("%w: %w", context.Canceled, cause)
}

func said(err error) string { return fmt.Sprint(err) }

func plural(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprint(n, " ", many)
}

func without(ids []int, id int) []int {
	return slices.DeleteFunc(ids, func(other int) bool { return other == id })
}

// subject drives a real group.
type subject struct {
	group
	own *errgroup.Group // the same, or nil if it is x/sync's
	ctx context.Context // nil if it has none

	parent  context.CancelCauseFunc
	cancels map[int]context.CancelCauseFunc

	mu       sync.Mutex
	ends     map[int]chan error // of the running tasks
	pending  map[int]bool       // calls that have not returned
	returned map[int]string     // as in the model
}

// panics is the end of a task that panics with the error within.
type panics struct{ error }

func (p panics) Unwrap() error { return p.error }

var errGoexit = errors.New("not an error: the task is to call Goexit")

func (s *subject) task(id int) func() error {
	return func() error {
		end := make(chan error)
		s.locked(func() { s.ends[id] = end })
		err := <-end
		s.locked(func() { delete(s.ends, id) })
		if err == errGoexit {
			runtime.Goexit()
		}
		if p, is := err.(panics); is {
			panic(p.error)
		}
		return err
	}
}

func (s *subject) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// call makes a call that may block.
func (s *subject) call(id int, f func() error) {
	s.locked(func() { s.pending[id] = true })
	go func() {
		err := f()
		s.locked(func() {
			delete(s.pending, id)
			s.returned[id] = said(err)
		})
	}()
}

// callContext makes a call with a context of its own, which a later step may
// end.
func (s *subject) callContext(t *testing.T, id int, f func(context.Context) error) {
	ctx, cancel := context.WithCancelCause(t.Context())
	s.cancels[id] = cancel
	s.call(id, func() error {
		err := f(ctx)
		if cause := context.Cause(ctx); err != nil && cause != nil && errors.Is(err, context.Canceled) {
			if !errors.Is(err, ctx.Err()) || !errors.Is(err, cause) {
				t.Errorf("the error %q does not say both what and why", err)
			}
		}
		return err
	})
}

// goContext is a GoContext whose task looks at the context that it is given.
func (s *subject) goContext(t *testing.T, ctx context.Context, id int) error {
	task := s.task(id)
	err := s.own.GoContext(ctx, func(given context.Context) error {
		if want := s.ctx; given != want && (want != nil || given != ctx) {
			t.Error("the task was given another context")
		}
		return task()
	})
	if err != nil && context.Cause(ctx) == ctx.Err() && err != ctx.Err() {
		t.Errorf("%q is not the very error of the context", err)
	}
	return err
}

func (s *subject) finish(id int, how error) {
	var end chan error
	s.locked(func() { end = s.ends[id] })
	end <- how
}

func (s *subject) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	running, pending := []int{}, []int{}
	for id := range s.ends {
		running = append(running, id)
	}
	for id := range s.pending {
		pending = append(pending, id)
	}
	var cause error
	if s.ctx != nil {
		cause = context.Cause(s.ctx)
	}
	return state(running, pending, s.returned, cause)
}

// The steps of a program, as often as they come in a random one.
const (
	doGo = iota
	doTryGo
	doEnd
	doSetLimit
	doWait
	doCancel
	doGoContext // from here on our own group only
	doResize
	doWaitContext
)

var steps = [16]int{doGo, doGo, doGo, doTryGo, doEnd, doEnd, doSetLimit, doWait,
	doEnd, doGoContext, doGoContext, doGoContext, doResize, doWaitContext, doCancel, doCancel}

var errParent = errors.New("the parent ended")

// run interprets a program, two bytes a step, on a group and on the model. It
// works inside a bubble: after each step everything comes to rest. With
// comparable set it leaves out the steps to which x/sync has no certain answer.
func run(t *testing.T, program []byte, comparable bool, v variant, s *subject) {
	m := &model{variant: v, limit: -1, returned: map[int]string{}}
	s.own, _ = s.group.(*errgroup.Group)
	s.cancels, s.ends, s.pending, s.returned = map[int]context.CancelCauseFunc{}, map[int]chan error{}, map[int]bool{}, map[int]string{}
	for id := 0; len(program) >= 2; program, id = program[2:], id+1 {
		if step := doStep(t, int(program[0]), int(program[1]), id, comparable, m, s); step != "" {
			compare(t, step, m, s)
		}
	}
	windUp(t, comparable, m, s)
}

// doStep does one step on both, whose number serves as the identity of the call
// or task that it makes. It returns what it did, or nothing if it left it out.
func doStep(t *testing.T, op, arg, id int, comparable bool, m *model, s *subject) (step string) {
	op = steps[op%len(steps)]
	if comparable && op >= doGoContext {
		return ""
	}
	switch op {
	case doGo:
		if comparable && len(m.waiting) > 0 && m.full() {
			return "" // whether that Wait counts that Go is x/sync's race
		}
		m.submit(id)
		s.call(id, func() error { s.Go(s.task(id)); return nil })
		return fmt.Sprintf("Go(%d)", id)

	case doTryGo:
		step = fmt.Sprintf("TryGo(%d)", id)
		if m.full() {
			m.stats.Refused++
			require.False(t, s.TryGo(s.task(id)), step)
			return step
		}
		m.unlimited = m.unlimited || m.limit < 0
		m.start(id)
		require.True(t, s.TryGo(s.task(id)), step)
		return step

	case doEnd:
		if len(m.running) == 0 {
			return ""
		}
		ending, why := m.running[arg%len(m.running)], fmt.Errorf("error of step %d", id)
		how := []error{nil, nil, why, errGoexit, nil, why, panics{why}, panics{why}}[arg/16%8]
		if _, is := how.(panics); is && !m.PanicsAsErrors {
			how = nil
		}
		m.finish(ending, how)
		s.finish(ending, how)
		return fmt.Sprintf("task %d ends: %v", ending, how)

	case doSetLimit:
		n := arg%6 - 1
		if comparable {
			if m.unlimited || len(m.blocked) > 0 || n < 0 && len(m.running) > 0 {
				return "" // x/sync miscounts, strands the blocked Gos, or races
			}
			if n == 0 {
				n = 1 // x/sync's blocked Gos could never end
			}
		}
		step = fmt.Sprintf("SetLimit(%d)", n)
		if n >= 0 && len(m.running) > 0 {
			want := fmt.Sprintf("errgroup: modify limit while %d goroutines in the group are still active", len(m.running))
			require.PanicsWithError(t, want, func() { s.SetLimit(n) }, step)
			return step
		}
		m.resize(n)
		s.SetLimit(n)
		return step

	case doResize:
		n := arg%7 - 1
		m.resize(n)
		s.own.Resize(n)
		return fmt.Sprintf("Resize(%d)", n)

	case doWait:
		if comparable && len(m.blocked) > 0 {
			return "" // as with Go
		}
		m.wait(id)
		s.call(id, s.Wait)
		return fmt.Sprintf("Wait(%d)", id)

	case doGoContext, doWaitContext:
		return doWithContext(t, op, arg, id, m, s)
	}
	return doEndOfContext(arg, id, m, s)
}

// doWithContext makes a call whose context a later step may end, or has ended
// already.
func doWithContext(t *testing.T, op, arg, id int, m *model, s *subject) (step string) {
	done := arg%8 == 0
	m.contexts = append(m.contexts, id)
	call := s.own.WaitContext
	step = fmt.Sprintf("WaitContext(%d), context done: %v", id, done)
	if op == doGoContext {
		call = func(ctx context.Context) error { return s.goContext(t, ctx, id) }
		step = fmt.Sprintf("GoContext(%d), context done: %v", id, done)
	}
	switch {
	case op == doWaitContext:
		m.wait(id) // a result that is there beats a done context
	case done: // takes nothing, and is not counted
		m.returned[id] = said(context.Canceled)
	default:
		m.submit(id)
	}
	if done {
		m.giveUp(id, context.Canceled)
	}
	s.callContext(t, id, func(ctx context.Context) error {
		if done {
			s.cancels[id](nil)
		}
		return call(ctx)
	})
	return step
}

// doEndOfContext ends the parent of the group's context, or that of any call, or,
// most often, that of a call that blocks.
func doEndOfContext(arg, id int, m *model, s *subject) (step string) {
	if arg < 16 {
		m.end(errParent)
		s.parent(errParent)
		return "the parent ends"
	}
	open := slices.Clone(m.contexts)
	if arg >= 48 {
		open = slices.DeleteFunc(open, func(id int) bool {
			return !slices.Contains(m.blocked, id) && !slices.Contains(m.waiting, id)
		})
	}
	if len(open) == 0 {
		return ""
	}
	ending, cause := open[arg%len(open)], error(context.Canceled)
	if arg/16%2 == 0 {
		cause = fmt.Errorf("reason of step %d", id)
	}
	m.giveUp(ending, cause)
	s.cancels[ending](cause)
	return fmt.Sprintf("context of %d ends: %v", ending, cause)
}

// compare lets both come to rest and looks at what can be seen of them.
func compare(t *testing.T, step string, m *model, s *subject) {
	synctest.Wait()
	require.Equal(t, m.String(), s.String(), step)
	clear(m.returned)
	s.locked(func() { clear(s.returned) })
	if s.own != nil {
		if want, got := m.counted(), s.own.Stats(); want != got {
			require.Equal(t, want, got, step)
		}
	}
	if (m.cause != nil || m.zero) && len(m.running) == 0 { // where another Wait changes nothing
		compareResult(t, step, m, s)
	}
}

// compareResult waits for a group that is at rest.
func compareResult(t *testing.T, step string, m *model, s *subject) {
	want, got := m.result(), s.Wait()
	require.Equal(t, said(want), said(got), step)
	for _, err := range m.kept() {
		if p, is := err.(*belay.PanicError); is { // the group's own has a stack
			require.ErrorAs(t, got, new(*belay.PanicError), step)
			err = p.Value.(error)
		}
		require.ErrorIs(t, got, err, step)
	}
	if _, panicked := want.(*belay.PanicError); len(m.failures) == 1 && !panicked {
		require.True(t, got == want, "not the very error of the task")
	}
}

// windUp lets everything end that the program has left.
func windUp(t *testing.T, comparable bool, m *model, s *subject) {
	if len(m.blocked) > 0 && m.limit == 0 {
		require.False(t, comparable, "x/sync would hang")
		m.resize(1)
		s.own.Resize(1)
		compare(t, "Resize(1) at the end", m, s)
	}
	for len(m.running) > 0 {
		id := m.running[0]
		m.finish(id, nil)
		s.finish(id, nil)
		compare(t, fmt.Sprintf("task %d ends at the end", id), m, s)
	}
	compareResult(t, "Wait at the end", m, s)
	require.Empty(t, s.pending)
	require.Empty(t, m.blocked)
	for _, cancel := range s.cancels {
		cancel(nil)
	}
}

func randomProgram(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	program := make([]byte, 2*(5+r.IntN(80)))
	for i := range program {
		program[i] = byte(r.Uint32())
	}
	return program
}

// runOwn runs a program on a group of our own, in a bubble.
func runOwn(t *testing.T, program []byte, comparable bool, v variant) {
	parent, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	g, ctx := v.group(parent)
	run(t, program, comparable, v, &subject{group: g, ctx: ctx, parent: cancel})
}

func TestAGroupBehavesLikeTheModelOnRandomPrograms(t *testing.T) {
	for seed := range uint64(3000) {
		synctest.Test(t, func(t *testing.T) {
			defer reportSeed(t, seed)
			runOwn(t, randomProgram(seed), false, variants[seed%uint64(len(variants))])
		})
	}
}

func TestOursAndXSyncsAnswerAlikeOnRandomPrograms(t *testing.T) {
	for seed := range uint64(2000) {
		synctest.Test(t, func(t *testing.T) {
			defer reportSeed(t, seed)
			program := randomProgram(seed)
			runOwn(t, program, true, variant{})
			parent, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			theirs, ctx := xsync.WithContext(parent)
			run(t, program, true, variant{}, &subject{group: theirs, ctx: ctx, parent: cancel})
		})
	}
}

func reportSeed(t *testing.T, seed uint64) {
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}

// The first byte of the input is the kind of the group.
func FuzzAGroupBehavesLikeTheModel(f *testing.F) {
	f.Add([]byte{0, 6, 2, 0, 0, 0, 0, 0, 0, 7, 0, 4, 0, 4, 32, 4, 48})                   // a limit, an error, a Goexit
	f.Add([]byte{1, 6, 1, 0, 0, 0, 0, 7, 0, 6, 3, 4, 0, 6, 0})                           // limit zero
	f.Add([]byte{2, 6, 2, 0, 0, 9, 1, 9, 1, 9, 1, 14, 33, 4, 0, 13, 1, 14, 200, 4, 0})   // calls that give up
	f.Add([]byte{3, 12, 4, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1, 4, 0, 4, 0, 12, 0, 4, 0})      // Resize up, to zero, to none
	f.Add([]byte{4, 6, 2, 0, 0, 0, 0, 9, 1, 14, 3, 4, 0, 3, 0, 7, 0})                    // skipped by the parent's end
	f.Add([]byte{8, 6, 3, 0, 0, 0, 0, 0, 0, 4, 96, 13, 1, 4, 0, 4, 48})                  // a panic
	f.Add([]byte{10, 6, 3, 0, 0, 0, 0, 0, 0, 4, 96, 4, 32, 0, 0, 12, 0, 7, 0, 4, 0, 14}) // all of it
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) == 0 || len(input) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			runOwn(t, input[1:], false, variants[int(input[0])%len(variants)])
		})
	})
}
