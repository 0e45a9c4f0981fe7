package main

// This file holds limiter/rate against golang.org/x/time/rate: its own tests,
// and the same random programs on both limiters.

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
// themselves call that a violation of limit and burst.
var outdated = []string{
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
// neither side has anything to round. Left out is where the answers are meant
// to differ: time that goes back, the limit zero, and a cancel of what is not the
// last turn, which after a change of the limit it may not be.
func TestOurLimiterAndXTimesAnswerAlike(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 6))
		now := time.Now()
		ours, theirs := rate.NewLimiter(2, 4), xrate.NewLimiter(2, 4)
		log, settled := fmt.Sprintf("seed %d", seed), true
		for range 60 {
			now = now.Add(time.Duration(r.IntN(12)) * time.Second / 8)
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
				limit := float64(int(1) << r.IntN(4))
				log += fmt.Sprintf("; SetLimit %v", limit)
				theirs.SetLimitAt(now, xrate.Limit(limit))
				ours.SetLimitAt(now, rate.Limit(limit))
			case 6:
				log += fmt.Sprintf("; SetBurst %d", n)
				theirs.SetBurstAt(now, n)
				ours.SetBurstAt(now, n)
			}
			require.Equal(t, theirs.TokensAt(now), ours.TokensAt(now), log)
		}
	}
}
