package timeout_test

// This file plays random programs on a WaitGroup, and holds each wait against a
// model: a counter, a clock, and a list of who waits until when.

import (
	"context"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

// outcome is how a wait ended.
type outcome int

const (
	waiting outcome = iota // it has not
	zero                   // the counter was zero
	gaveUp                 // its time was up, or its context done
)

// waiter is one wait and what the model expects of it.
type waiter struct {
	cancel   context.CancelFunc // nil if it has no context
	deadline time.Duration      // since the start; 0 if it has none
	want     outcome
	got      chan outcome
}

// game is the model beside the group that it models.
type game struct {
	wg      timeout.WaitGroup
	tasks   int
	now     time.Duration
	waiters []*waiter
	leave   []chan bool // tasks started by Go: true lets one leave by Goexit
	named   []string    // of those tasks; empty for one without a name
	closed  bool
	started int // tasks with names, so far
}

// wait begins a wait on a goroutine of its own, which ends with the wait.
func (g *game) wait(w *waiter, wait func() outcome) {
	w.got = make(chan outcome, 1)
	if g.tasks == 0 {
		w.want = zero
	}
	g.waiters = append(g.waiters, w)
	go func() { w.got <- wait() }()
}

func (g *game) add(n int) {
	g.tasks += n
	if g.tasks > 0 {
		return
	}
	for _, w := range g.waiters {
		if w.want == waiting {
			w.want = zero
		}
	}
}

// step plays one operation and lets everything that follows from it happen.
func (g *game) step(t *testing.T, op, arg byte) {
	switch op % 13 {
	case 0:
		n := int(arg % 3)
		g.wg.Add(n)
		g.add(n)
	case 1, 2:
		g.done(t, int(arg%2)+1)
	case 3:
		g.wait(&waiter{}, func() outcome { g.wg.Wait(); return zero })
	case 4:
		g.waitContext(arg%4 == 0)
	case 5:
		g.waitTimeout(time.Duration(int(arg%5)-1) * time.Second)
	case 6:
		g.cancel(int(arg))
	case 7:
		time.Sleep(time.Second)
		g.now += time.Second
		for _, w := range g.waiters {
			if w.want == waiting && w.deadline != 0 && w.deadline <= g.now {
				w.want = gaveUp
			}
		}
	case 8:
		leave := make(chan bool)
		g.leave = append(g.leave, leave)
		name := ""
		task := func() {
			if <-leave {
				runtime.Goexit()
			}
		}
		if arg%2 == 0 {
			g.wg.Go(task)
		} else {
			name = "task " + strconv.Itoa(g.started)
			g.started++
			g.wg.GoNamed(name, task)
		}
		g.named = append(g.named, name)
		g.add(1)
	case 9:
		if n := len(g.leave); n > 0 {
			g.leave[n-1] <- arg%2 == 0
			g.leave, g.named = g.leave[:n-1], g.named[:n-1]
			g.add(-1)
		}
	case 10:
		require.Equal(t, !g.closed, g.wg.TryAdd(1))
		if !g.closed {
			g.add(1)
		}
	case 11:
		if arg%8 == 0 {
			g.wg.Close()
			g.closed = true
		}
	case 12:
		c := g.wg.Zero()
		g.wait(&waiter{}, func() outcome { <-c; return zero })
	}
	synctest.Wait()
}

// done takes n tasks away, or sees that the group refuses to.
func (g *game) done(t *testing.T, n int) {
	if g.tasks < n {
		require.PanicsWithValue(t, "timeout: negative WaitGroup counter", func() { g.wg.Add(-n) })
		return
	}
	if g.tasks-n < len(g.leave) {
		return // these are for the running functions to take
	}
	g.wg.Add(-n)
	g.add(-n)
}

func (g *game) waitContext(done bool) {
	ctx, cancel := context.WithCancel(context.Background())
	w := &waiter{cancel: cancel}
	if done {
		cancel()
		w.want = gaveUp // unless the counter is zero, which wins
	}
	g.wait(w, func() outcome {
		if g.wg.WaitContext(ctx) != nil {
			return gaveUp
		}
		return zero
	})
}

func (g *game) waitTimeout(d time.Duration) {
	w := &waiter{deadline: g.now + d}
	if d <= 0 {
		w.want = gaveUp
	}
	g.wait(w, func() outcome {
		if g.wg.WaitTimeout(d) {
			return gaveUp
		}
		return zero
	})
}

func (g *game) cancel(i int) {
	if len(g.waiters) == 0 {
		return
	}
	if w := g.waiters[i%len(g.waiters)]; w.cancel != nil {
		w.cancel()
		if w.want == waiting {
			w.want = gaveUp
		}
	}
}

// late counts the names that an error has room for.
func (g *game) late() (n int) {
	for _, name := range g.named {
		if name != "" {
			n++
		}
	}
	return min(n, 8)
}

// gone is done from the start.
var gone = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// check holds everything against the model, and forgets the waits that ended.
func (g *game) check(t *testing.T) {
	require.Equal(t, g.tasks, g.wg.Len())
	if err := g.wg.WaitContext(gone); g.tasks == 0 {
		require.NoError(t, err)
	} else {
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, g.late(), strings.Count(err.Error(), "task "), err)
	}
	var still []*waiter
	for _, w := range g.waiters {
		got := waiting
		select {
		case got = <-w.got:
		default:
			still = append(still, w)
		}
		require.Equal(t, w.want, got)
	}
	g.waiters = still
}

// play runs a program, two bytes an operation, and then lets all of it end.
func play(t *testing.T, program []byte) {
	synctest.Test(t, func(t *testing.T) {
		var g game
		for ; len(program) >= 2; program = program[2:] {
			g.step(t, program[0], program[1])
			g.check(t)
		}
		for _, leave := range g.leave {
			leave <- false
			g.add(-1)
		}
		synctest.Wait()
		if g.tasks > 0 {
			g.wg.Add(-g.tasks)
			g.add(-g.tasks)
		}
		synctest.Wait()
		g.check(t)
		require.Empty(t, g.waiters)
	})
}

func FuzzWaitGroupAgreesWithTheModel(f *testing.F) {
	f.Add([]byte{0, 1, 3, 0, 1, 0})                            // a round
	f.Add([]byte{0, 1, 5, 2, 7, 0, 0, 1, 5, 3, 1, 1})          // a timeout, then more tasks
	f.Add([]byte{8, 0, 4, 1, 6, 0, 4, 0, 9, 0, 3, 0, 4, 0})    // a cancel, and a Goexit
	f.Add([]byte{1, 0, 1, 1, 5, 0, 5, 1})                      // misuse, and times that have passed
	f.Add([]byte{8, 1, 12, 0, 11, 0, 10, 0, 5, 3, 7, 0, 9, 0}) // a name, a channel, a close
	f.Fuzz(play)
}

func TestRandomProgramsAgreeWithTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		program := make([]byte, 120)
		for i := range program {
			program[i] = byte(random.UintN(256))
		}
		play(t, program)
	}
}
