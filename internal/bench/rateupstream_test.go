package main

// This file holds limiter/rate against golang.org/x/time/rate: its own tests,
// and the same random programs on both limiters.

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	xrate "golang.org/x/time/rate"

	"github.com/belay-go/belay/internal/overlay"
	"github.com/belay-go/belay/limiter/rate"
)

func TestXTimesTestsOfSometimesPass(t *testing.T) {
	dir := filepath.Join(overlay.Dir(t, "golang.org/x/time"), "rate")
	overlay.Test(t, 3, map[string]string{
		"sometimes_test.go": overlay.Read(t, filepath.Join(dir, "sometimes_test.go"),
			`"golang.org/x/time/rate"`, `"github.com/belay-go/belay/limiter/rate"`),
	})
}

// x/time's tests of its limiter look inside of it. What they look for is built
// here from what ours exports, and its fake clock is that of a bubble.
const inside = `package rate

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	ours "github.com/belay-go/belay/limiter/rate"
)

type Limit = ours.Limit

const (
	Inf         = ours.Inf
	InfDuration = ours.InfDuration
)

var Every = ours.Every

type Limiter struct{ *ours.Limiter }

func NewLimiter(r Limit, b int) *Limiter { return &Limiter{ours.NewLimiter(r, b)} }

type Reservation struct {
	*ours.Reservation
	ok        bool
	timeToAct time.Time
}

func (l *Limiter) reserveN(t time.Time, n int, most time.Duration) Reservation {
	r := l.ReserveN(t, n)
	if r.OK() && r.DelayFrom(t) > most {
		r.CancelAt(t)
		r = new(ours.Reservation)
	}
	return Reservation{r, r.OK(), t.Add(r.DelayFrom(t))}
}

func (l *Limiter) wait(ctx context.Context, n int, _ time.Time, _ any) error { return l.WaitN(ctx, n) }

type testTime struct{}

func makeTestTime(*testing.T) testTime { return testTime{} }

func (testTime) now() time.Time                      { return time.Now() }
func (testTime) since(t time.Time) time.Duration     { return time.Since(t) }
func (testTime) advance(d time.Duration)             { time.Sleep(d) }
func (testTime) newTimer(d time.Duration) (<-chan time.Time, any, any) {
	return time.After(d), nil, nil
}

func inBubble(t *testing.T, f func(*testing.T)) { synctest.Test(t, f) }
`

// outdated are those of x/time's tests that ask for what ours must not do: a
// reading of the clock older than one before takes the limiter back in time, so
// that tokens are gained twice, or are there before they are gained. The tests
// themselves call that a violation of limit and burst. The two of cancels ask for
// tokens to be withheld where the bound does not need it: two turns of one token
// each may come together in a burst of two.
var outdated = []string{
	"TestCancel0Tokens",
	"TestCancelMulti",
	"TestLimiterJumpBackwards",
	"TestReserveJumpBack",
	"TestReserveJumpBackCancel",
	"TestReserveSetBurst",
}

func TestXTimesTestsOfItsLimiterPass(t *testing.T) {
	dir := filepath.Join(overlay.Dir(t, "golang.org/x/time"), "rate")
	source := overlay.Read(t, filepath.Join(dir, "rate_test.go"),
		"tt *testTime", "tt testTime",
		"\tt.Logf(\"tokens:%v last:%v lastEvent:%v\", lim.tokens, lim.last, lim.lastEvent)\n", "")
	clock, after, found := strings.Cut(source, "// testTime is a fake time")
	require.True(t, found)
	_, after, found = strings.Cut(after, "func TestSimultaneousRequests(")
	require.True(t, found)
	source = clock + "func TestSimultaneousRequests(" + after
	for _, name := range outdated {
		require.Contains(t, source, "func "+name+"(t *testing.T)", "no longer there to be left out")
	}
	// Each test that has the fake clock becomes one that runs in a bubble.
	timed := regexp.MustCompile(`(?ms)^func (Test\w+)\(t \*testing\.T\) \{\n(.*?)^}\n`)
	source = timed.ReplaceAllStringFunc(source, func(test string) string {
		if !strings.Contains(test, "makeTestTime(t)") {
			return test
		}
		return timed.ReplaceAllString(test, "func $1(t *testing.T) {\n\tinBubble(t, func(t *testing.T) {\n$2\t})\n}\n")
	})
	overlay.Test(t, 20, map[string]string{"inside_test.go": inside, "rate_test.go": source}, outdated...)
}

// Time goes on in eighths of a second and limits are powers of two, so that
// neither side has anything to round; or by random nanoseconds under random limits,
// where both round alike. Left out is where the answers are meant to differ, each
// of which has a test below: time that goes back, the limit zero, and a cancel of
// what is not the last turn, which after a change of the limit it may not be.
func TestOurLimiterAndXTimesAnswerAlike(t *testing.T) {
	for seed := range uint64(6000) {
		r := rand.New(rand.NewPCG(seed, 6))
		step := func() time.Duration { return time.Duration(r.IntN(12)) * time.Second / 8 }
		limit := func() float64 { return float64(int(1) << r.IntN(4)) }
		if seed%2 == 1 {
			step = func() time.Duration { return time.Duration(r.ExpFloat64() * float64(time.Second)) }
			limit = func() float64 {
				if r.IntN(20) == 0 {
					return math.MaxFloat64 // Inf
				}
				return math.Exp(r.Float64()*8 - 4)
			}
		}
		answerAlike(t, r, step, limit, fmt.Sprintf("seed %d", seed))
	}
}

func answerAlike(t *testing.T, r *rand.Rand, step func() time.Duration, limit func() float64, log string) {
	now, first := time.Now(), limit()
	ours, theirs := rate.NewLimiter(rate.Limit(first), 4), xrate.NewLimiter(xrate.Limit(first), 4)
	settled := true
	for range 60 {
		now = now.Add(step())
		n := r.IntN(6)
		switch op := r.IntN(7); op {
		case 0, 1, 2:
			log += fmt.Sprintf("; AllowN %d", n)
			require.Equal(t, theirs.AllowN(now, n), ours.AllowN(now, n), log)
		case 3, 4:
			log += fmt.Sprintf("; ReserveN %d", n)
			a, b := theirs.ReserveN(now, n), ours.ReserveN(now, n)
			require.Equal(t, a.OK(), b.OK(), log)
			require.Equal(t, a.DelayFrom(now), b.DelayFrom(now), log)
			if op == 4 && settled && n > 0 && a.DelayFrom(now) > 0 {
				log += " cancelled"
				a.CancelAt(now)
				b.CancelAt(now)
			}
		case 5:
			settled = false
			limit := limit()
			log += fmt.Sprintf("; SetLimit %v", limit)
			theirs.SetLimitAt(now, xrate.Limit(limit))
			ours.SetLimitAt(now, rate.Limit(limit))
		case 6:
			log += fmt.Sprintf("; SetBurst %d", n)
			theirs.SetBurstAt(now, n)
			ours.SetBurstAt(now, n)
		}
		require.InDelta(t, theirs.TokensAt(now), ours.TokensAt(now), 1e-9, log)
	}
}

// The faults of x/time's limiter that ours does not have. Each is shown on both
// sides: the day on which x/time no longer has one, the test says so.

type reserver interface {
	OK() bool
	DelayFrom(time.Time) time.Duration
	CancelAt(time.Time)
}

// sides has one func for each limiter that makes a test's observation.
type sides[T any] struct{ theirs, ours T }

func TestFaultOfXTimeAnOlderClockAccruesTwice(t *testing.T) {
	passed := func(allow func(time.Time, int) bool) (n int) {
		now := time.Now()
		for _, at := range []struct {
			t time.Time
			n int
		}{{now, 9}, {now.Add(-time.Second), 1}, {now, 10}} {
			if allow(at.t, at.n) {
				n += at.n
			}
		}
		return n
	}
	require.Equal(t, sides[int]{20, 10}, sides[int]{
		passed(xrate.NewLimiter(10, 10).AllowN), passed(rate.NewLimiter(10, 10).AllowN),
	}, "of a burst of 10, at one instant")
}

func TestFaultOfXTimeTheLimitZeroGrantsReservationsInCenturies(t *testing.T) {
	now := time.Now()
	theirs, ours := xrate.NewLimiter(0, 1), rate.NewLimiter(0, 1)
	for range 2 {
		theirs.ReserveN(now, 1)
		ours.ReserveN(now, 1)
	}
	a, b := theirs.ReserveN(now, 1), ours.ReserveN(now, 1)
	require.Equal(t, sides[bool]{true, false}, sides[bool]{a.OK(), b.OK()})
	theirs.SetLimitAt(now, 10)
	ours.SetLimitAt(now, 10)
	require.Equal(t, sides[float64]{-2, 0}, sides[float64]{theirs.TokensAt(now), ours.TokensAt(now)}, "what nobody waits for is owed")
}

func TestFaultOfXTimeThoseWhoWaitDoNotMove(t *testing.T) {
	type limits interface {
		Allow() bool
		Wait(context.Context) error
	}
	waited := func(t *testing.T, l limits, meanwhile func()) time.Duration {
		require.True(t, l.Allow())
		began := time.Now()
		time.AfterFunc(time.Second, meanwhile)
		require.NoError(t, l.Wait(t.Context()))
		return time.Since(began)
	}
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := xrate.NewLimiter(xrate.Every(time.Hour), 1), rate.NewLimiter(rate.Every(time.Hour), 1)
		require.Equal(t, sides[time.Duration]{time.Hour, time.Second}, sides[time.Duration]{
			waited(t, theirs, func() { theirs.SetLimit(1e9) }).Round(time.Second),
			waited(t, ours, func() { ours.SetLimit(1e9) }).Round(time.Second),
		}, "the limit was raised after a second")
	})
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := xrate.NewLimiter(1, 1), rate.NewLimiter(1, 1)
		require.True(t, theirs.Allow())
		require.True(t, ours.Allow())
		a, b := theirs.Reserve(), ours.Reserve()
		time.AfterFunc(time.Second/2, func() { a.Cancel(); b.Cancel() })
		var found sides[time.Duration]
		began := time.Now()
		var both sync.WaitGroup
		both.Go(func() { _ = theirs.Wait(t.Context()); found.theirs = time.Since(began) })
		both.Go(func() { _ = ours.Wait(t.Context()); found.ours = time.Since(began) })
		both.Wait()
		require.Equal(t, sides[time.Duration]{2 * time.Second, time.Second}, found, "who was first in line gave up")
	})
}

func TestFaultOfXTimeACancelLosesTokens(t *testing.T) {
	now := time.Now()
	left := func(reserve func(time.Time, int) reserver, tokens func(time.Time) float64) float64 {
		reserve(now, 15)
		middle := reserve(now, 10)
		reserve(now, 2)
		before := tokens(now)
		middle.CancelAt(now)
		return tokens(now) - before
	}
	theirs, ours := xrate.NewLimiter(1, 20), rate.NewLimiter(1, 20)
	require.Equal(t, sides[float64]{8, 10}, sides[float64]{
		left(func(t time.Time, n int) reserver { return theirs.ReserveN(t, n) }, theirs.TokensAt),
		left(func(t time.Time, n int) reserver { return ours.ReserveN(t, n) }, ours.TokensAt),
	}, "of 10 that were cancelled")
}
