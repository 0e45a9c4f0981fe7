package timeout_test

// This file plays random programs on a Runner, and holds it against a model:
// who was started, who must have returned with what, and who is at large.

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/timeout"
)

// ending is what the model knows of the end of a call, or of a function.
type ending string

const (
	notYet    ending = ""
	value     ending = "a value"
	failure   ending = "an error"
	panicked  ending = "a panic"
	goexit    ending = "a Goexit"
	outOfTime ending = "out of time"
	cancelled ending = "cancelled"
	refused   ending = "refused"
)

// attempt is one call, and what the model expects of it. Times are in seconds
// since the start; never is after all of them.
type attempt struct {
	limit, cancel, ends int    // of the context, by its own limit and by the caller; of the function
	out                 ending // of the function

	want ending // of the call, from the second wantAt on
	at   int
	late bool // the function's end goes to OnLate

	got     ending
	gotLate ending
}

const never = 1 << 20

// runnerGame is the model beside the Runner that it models.
type runnerGame struct {
	r        timeout.Runner
	got      sync.Mutex // guards what the attempts got
	max      int
	now      int
	attempts []*attempt
	refused  uint64
}

// start makes a call. Where the function and its context end together, the
// function has won.
func (g *runnerGame) start(t *testing.T, a *attempt) {
	contextEnds := min(a.limit, a.cancel)
	switch {
	case a.limit <= g.now:
		a.want, a.at = outOfTime, g.now
	case g.atLarge() >= g.max:
		a.want, a.at = refused, g.now
		g.refused++
	case a.ends <= contextEnds:
		a.want, a.at = a.out, a.ends
	case a.limit <= a.cancel:
		a.want, a.at, a.late = outOfTime, a.limit, true
	default:
		a.want, a.at, a.late = cancelled, a.cancel, true
	}
	g.attempts = append(g.attempts, a)

	second := func(at int) time.Duration { return time.Duration(at-g.now) * time.Second }
	limit, ends, cancelIn := second(a.limit), second(a.ends), second(a.cancel)
	go func() { // ends with the call
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		defer time.AfterFunc(cancelIn, cancel).Stop()
		defer func() {
			if e := recover(); e != nil {
				g.record(&a.got, endingOf(e.(*belay.PanicError)))
			}
		}()
		v, err := timeout.Abandon(&g.r, ctx, limit, func(context.Context) (*attempt, error) {
			time.Sleep(ends)
			switch a.out {
			case failure:
				return a, errTask
			case panicked:
				panic(a)
			case goexit:
				g.exitOf(a)
			}
			return a, nil
		})
		end := endingOf(err)
		if end == value && v != a {
			end = "the value of another"
		}
		g.record(&a.got, end)
	}()
}

func (g *runnerGame) record(got *ending, end ending) {
	g.got.Lock()
	defer g.got.Unlock()
	*got += end // one end, or it is not one that the model knows
}

// exitOf leaves by Goexit, after which nobody could say whose end it was.
func (g *runnerGame) exitOf(a *attempt) {
	if a.late {
		g.record(&a.gotLate, goexit)
	}
	runtime.Goexit()
}

// onLate finds the attempt by what it came to.
func (g *runnerGame) onLate(v any, err error) {
	a, _ := v.(*attempt)
	var e *belay.PanicError
	if errors.As(err, &e) {
		a = e.Value.(*attempt)
	}
	if a != nil {
		g.record(&a.gotLate, endingOf(err))
	}
}

func endingOf(err error) ending {
	var e *belay.PanicError
	switch {
	case err == nil:
		return value
	case errors.As(err, &e):
		return panicked
	case err == errTask:
		return failure
	case err == belay.ErrGoexit:
		return goexit
	case err == timeout.ErrTooManyAbandoned:
		return refused
	case errors.Is(err, context.DeadlineExceeded):
		return outOfTime
	case errors.Is(err, context.Canceled):
		return cancelled
	}
	return ending(err.Error())
}

// atLarge counts those abandoned and not ended, as of now.
func (g *runnerGame) atLarge() (n int) {
	for _, a := range g.attempts {
		if a.late && a.at <= g.now && g.now < a.ends {
			n++
		}
	}
	return n
}

func (g *runnerGame) check(t *testing.T) {
	synctest.Wait()
	g.got.Lock()
	defer g.got.Unlock()
	want := belay.Stats{Limit: int64(g.max), InFlight: int64(g.atLarge()), Refused: g.refused}
	for _, a := range g.attempts {
		if g.now < a.at {
			require.Equal(t, notYet, a.got, "%+v", *a)
			continue
		}
		require.Equal(t, a.want, a.got, "%+v", *a)
		if !a.late {
			require.Empty(t, a.gotLate, "%+v", *a)
			continue
		}
		want.Total++
		if g.now < a.ends {
			require.Empty(t, a.gotLate, "%+v", *a)
			continue
		}
		require.Equal(t, a.out, a.gotLate, "%+v", *a)
		switch a.out {
		case panicked:
			want.Panicked++
		case failure, goexit:
			want.Failed++
		}
	}
	require.Equal(t, int(want.InFlight), g.r.Abandoned())
	require.Equal(t, want, g.r.Stats())
	require.Equal(t, want.InFlight == 0, g.r.WaitContext(doneContext()) == nil)
}

func doneContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// playRunner plays a program, four bytes an operation.
func playRunner(t *testing.T, program []byte) {
	g := &runnerGame{max: 2}
	g.r.MaxAbandoned = g.max
	g.r.OnLate = g.onLate
	for ; len(program) >= 4 && len(g.attempts) < 50; program = program[4:] {
		op := program[:4]
		if op[0]%3 == 0 {
			time.Sleep(time.Second)
			g.now++
		} else {
			a := &attempt{limit: g.now + int(op[0]/3)%6, cancel: never, ends: g.now + int(op[1])%9, out: []ending{value, failure, panicked, goexit}[op[2]%4]}
			if op[3]%3 == 0 {
				a.cancel = g.now + 1 + int(op[3]/3)%6
			}
			if a.cancel == a.limit { // which of the two it was would be anybody's guess
				a.cancel = never
			}
			g.start(t, a)
		}
		g.check(t)
	}
	for range 10 {
		time.Sleep(time.Second)
		g.now++
		g.check(t)
	}
	require.False(t, slices.ContainsFunc(g.attempts, func(a *attempt) bool { return a.got == notYet }))
}

func FuzzAbandonAgreesWithTheModel(f *testing.F) {
	f.Add([]byte{4, 8, 0, 1, 4, 8, 2, 1, 4, 1, 1, 1, 0, 0, 0, 0, 4, 1, 1, 1}) // to the bound, with a late panic
	f.Add([]byte{7, 2, 3, 1, 7, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0})             // results at the moment of the limit
	f.Add([]byte{1, 2, 0, 0, 7, 4, 3, 0, 0, 0, 0, 0})                         // no time, and a cancel
	f.Fuzz(func(t *testing.T, program []byte) {
		synctest.Test(t, func(t *testing.T) { playRunner(t, program) })
	})
}

func TestAbandonAgreesWithTheModel(t *testing.T) {
	// Many functions end at the very moment of their limit: see the test of that.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		program := make([]byte, 160)
		for i := range program {
			program[i] = byte(random.UintN(256))
		}
		synctest.Test(t, func(t *testing.T) { playRunner(t, program) })
	}
}
