package graceful_test

// Random managers against a model that knows nothing of goroutines: it works
// out, from the times alone, what must become of every component.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// quietly is for bubbles: no signals, no log, no last words.
func quietly() graceful.Options {
	return graceful.Options{Signals: []os.Signal{}, Logger: slog.New(slog.DiscardHandler), Budget: -1, TerminationLog: "-"}
}

var errMade = errors.New("made to fail")

// plan is what one component of the model does.
type plan struct {
	name     string
	phase    int
	startFor time.Duration
	startErr bool
	run      bool
	runFor   time.Duration // zero: until its context ends
	runErr   bool
	mayEnd   bool
	deaf     bool   // Run does not hear its context
	stop     string // none, quick, fail, panic, goexit, obey, deaf
	stopFor  time.Duration
}

const modelLimit = time.Second

func randomPlans(r *rand.Rand) []plan {
	some := func() time.Duration { return time.Duration(1 + r.Int64N(int64(200*time.Millisecond))) }
	stops := []string{"none", "quick", "quick", "quick", "fail", "panic", "goexit", "obey", "deaf"}
	var plans []plan
	for i := range 1 + r.IntN(8) {
		p := plan{name: fmt.Sprint("c", i), phase: r.IntN(4), stop: stops[r.IntN(len(stops))], stopFor: some()}
		p.startFor = some()
		p.startErr = r.IntN(15) == 0
		if p.run = r.IntN(2) == 0; p.run && r.IntN(4) == 0 {
			p.runFor, p.runErr, p.mayEnd = 3*some(), r.IntN(3) == 0, r.IntN(3) > 0
		}
		p.deaf = p.run && p.runFor == 0 && r.IntN(8) == 0
		plans = append(plans, p)
	}
	return plans
}

// prediction is what the model says.
type prediction struct {
	outcomes map[string]string
	cause    time.Duration // when
	failed   bool          // the cause is a component
	end      time.Duration
}

func predict(plans []plan, trigger time.Duration) prediction {
	w := prediction{outcomes: map[string]string{}, cause: trigger}
	up := map[string]time.Duration{}
	fail := func(at time.Duration) {
		if at < w.cause {
			w.cause, w.failed = at, true
		}
	}
	phases := [4][]plan{}
	for _, p := range plans {
		phases[p.phase] = append(phases[p.phase], p)
		w.outcomes[p.name] = "never started"
	}
	launched := [4]bool{}
	at := time.Duration(0)
	for i, phase := range phases {
		if at >= w.cause || len(phase) == 0 {
			continue
		}
		launched[i] = true
		next := at
		for _, p := range phase {
			up[p.name] = at + p.startFor
			next = max(next, at+p.startFor)
			if p.startErr {
				fail(at + p.startFor)
			} else if p.runFor > 0 && (p.runErr || !p.mayEnd) {
				fail(at + p.startFor + p.runFor)
			}
		}
		at = next
	}
	w.end = w.cause
	for i, phase := range slices.Backward(phases[:]) {
		if !launched[i] {
			continue
		}
		took := time.Duration(0)
		for _, p := range phase {
			outcome, t := p.stopping(up[p.name], w.cause, w.end)
			w.outcomes[p.name] = outcome
			took = max(took, t)
		}
		w.end += took
	}
	return w
}

// stopping says how the stop of a component goes that was up at up, if its
// own stop begins at begins, and how long it takes.
func (p plan) stopping(up, cause, begins time.Duration) (string, time.Duration) {
	switch {
	case p.startErr && up <= cause:
		return "failed", 0
	case up > cause:
		return "never started", 0
	}
	outcome := "stopped"
	if p.runFor > 0 && up+p.runFor <= begins && (p.runErr || !p.mayEnd) {
		outcome = "failed"
	}
	if p.deaf || p.stop == "deaf" {
		return "stuck", modelLimit + graceful.CutTime
	}
	switch p.stop {
	case "quick":
		return outcome, p.stopFor
	case "fail", "goexit":
		return "failed", p.stopFor
	case "panic":
		return "panicked", p.stopFor
	case "obey":
		return "cut", modelLimit
	}
	return outcome, 0
}

// history is what really happened, in order.
type history struct {
	sync.Mutex
	events []string
}

func (h *history) note(verb string, p plan) {
	h.Lock()
	defer h.Unlock()
	h.events = append(h.events, fmt.Sprintf("%s %s %d", verb, p.name, p.phase))
}

func (p plan) component(h *history, release <-chan struct{}) graceful.Component {
	c := graceful.Component{Name: p.name, Limit: modelLimit, MayEnd: p.mayEnd}
	c.Start = func(ctx context.Context) error {
		h.note("start", p)
		select {
		case <-time.After(p.startFor):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if p.startErr {
			return errMade
		}
		h.note("up", p)
		return nil
	}
	if p.run {
		c.Run = func(ctx context.Context, ready func()) error {
			ready()
			ready()
			done, over := ctx.Done(), (<-chan time.Time)(nil)
			if p.deaf {
				done = nil
			}
			if p.runFor > 0 {
				over = time.After(p.runFor)
			}
			select {
			case <-done:
				return nil
			case <-over:
				if p.runErr {
					return errMade
				}
				return nil
			case <-release:
				return nil
			}
		}
	}
	if p.stop != "none" {
		c.Stop = func(ctx context.Context) error { return p.stopNow(ctx, h, release) }
	}
	return c
}

func (p plan) stopNow(ctx context.Context, h *history, release <-chan struct{}) error {
	h.note("stop", p)
	defer h.note("stopped", p)
	switch p.stop {
	case "obey":
		<-ctx.Done()
		return ctx.Err()
	case "deaf":
		<-release
		return nil
	}
	time.Sleep(p.stopFor)
	switch p.stop {
	case "fail":
		return errMade
	case "panic":
		panic("made to panic")
	case "goexit":
		runtime.Goexit()
	}
	return nil
}

func TestRandomManagersDoWhatTheModelSays(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { checkModel(t, seed) })
	}
}

func FuzzRandomManagers(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) { checkModel(t, seed) })
	})
}

func checkModel(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	plans := randomPlans(r)
	trigger := time.Duration(1 + r.Int64N(int64(1500*time.Millisecond)))
	byParent := r.IntN(2) == 0
	want := predict(plans, trigger)

	m := graceful.New(quietly())
	h, release := &history{}, make(chan struct{})
	for _, p := range plans {
		m.Add(p.phase, p.component(h, release))
	}
	parent, cancel := context.WithCancelCause(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(trigger)
		if byParent {
			cancel(errMade)
		} else {
			m.Stop(errMade)
		}
	})
	states := []string{m.State()}
	wg.Go(func() { // others look, and ask for stops of their own
		for range 300 {
			time.Sleep(7 * time.Millisecond)
			states = append(states, m.State())
			m.Readyz(httptest.NewRecorder(), httptest.NewRequest("GET", "/readyz?verbose", nil))
			m.Addr("c0")
			if m.State() == "stopping" {
				m.Stop(nil)
			}
		}
	})
	began := time.Now()
	report, err := m.Run(parent)
	took := time.Since(began)
	close(release)
	wg.Wait()
	synctest.Wait() // what was stuck ends now
	cancel(nil)
	text := fmt.Sprintf("seed %d: %+v\n%s\n%v", seed, plans, report, err)

	require.Equal(t, want.end, took, text)
	require.Equal(t, want.cause, report.Ran, text)
	code := 0
	for _, c := range report.Components {
		require.Equal(t, want.outcomes[c.Name], c.Outcome, c.Name+" "+text)
		switch {
		case c.Outcome == "cut" || c.Outcome == "stuck":
			code = 3
		case (c.Outcome == "failed" || c.Outcome == "panicked") && code == 0:
			code = 1
		}
	}
	if want.failed {
		code = 1
	} else {
		require.Equal(t, errMade, report.Cause, text)
	}
	require.Equal(t, code, report.ExitCode(), text)
	require.Equal(t, code != 0, err != nil, text)
	h.Lock()
	defer h.Unlock()
	checkHistory(t, h.events, text)
	require.True(t, slices.IsSortedFunc(states, func(a, b string) int { return order(a) - order(b) }), "%v", states)
}

func order(state string) int {
	return slices.Index([]string{"new", "starting", "ready", "pre-stop", "draining", "stopping", "done"}, state)
}

// checkHistory holds the order of events against the package's promise.
func checkHistory(t *testing.T, events []string, text string) {
	t.Helper()
	up, stopping := map[string]bool{}, map[string]bool{}
	top, bottom := -1, 9
	for _, e := range events {
		var verb, name string
		var phase int
		_, err := fmt.Sscan(e, &verb, &name, &phase)
		require.NoError(t, err)
		switch verb {
		case "start":
			require.GreaterOrEqual(t, phase, top, "%v\n%s", events, text)
			require.Empty(t, stopping, "%v\n%s", events, text)
			top = phase
		case "up":
			up[name] = true
		case "stop":
			require.True(t, up[name], "stopped what was not up: %v\n%s", events, text)
			require.False(t, stopping[name], "stopped twice: %v\n%s", events, text)
			require.LessOrEqual(t, phase, bottom, "%v\n%s", events, text)
			stopping[name], bottom = true, phase
		case "stopped":
		default:
			require.Fail(t, strings.Join(events, "\n"))
		}
	}
}
