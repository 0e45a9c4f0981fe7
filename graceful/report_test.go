package graceful_test

// The report's text and the probes: what people and supervisors see.

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func TestTheReportIsATableForATerminal(t *testing.T) {
	r := graceful.Report{
		Cause:  &graceful.SignalError{Signal: syscall.SIGTERM},
		Ran:    90 * time.Second,
		Took:   2500 * time.Millisecond,
		Budget: 25 * time.Second,
		Components: []graceful.Result{
			{Name: "http", Phase: 2, Outcome: "stopped", Planned: 20 * time.Second, Used: 51 * time.Millisecond, Detail: "closed 3 silent"},
			{Name: "consumer", Phase: 1, Outcome: "stuck", Planned: -1, Used: 20 * time.Microsecond, Err: errors.New("a\nb")},
			{Name: "db", Phase: 0, Outcome: "never started"},
		},
	}
	require.Equal(t, strings.Join([]string{
		"stopped after 90.0 s: graceful: signal: terminated; took 2.5 s of 25.0 s",
		"  http      stopped        51 ms of 20.0 s  phase 2  closed 3 silent",
		"  consumer  STUCK          20 µs of any     phase 1  a; b",
		"  db        never started  0 of 0           phase 0",
	}, "\n"), r.String())
}

func TestTheExitCodeTellsASupervisorHowItWent(t *testing.T) {
	failure := &graceful.ComponentError{Name: "c", Stage: "run", Err: errMade}
	c := func(outcome string) graceful.Result { return graceful.Result{Name: "c", Outcome: outcome} }
	failed := graceful.Result{Name: "c", Outcome: "failed", Err: failure}
	for want, r := range map[int][]graceful.Report{
		0:   {{}, {Cause: &graceful.SignalError{Signal: syscall.SIGTERM}, Components: []graceful.Result{c("stopped"), c("never started")}}, {Cause: failure}},
		1:   {{Components: []graceful.Result{c("failed")}}, {Components: []graceful.Result{c("panicked")}}, {Cause: failure, Components: []graceful.Result{c("stuck"), failed}}},
		3:   {{Components: []graceful.Result{c("failed"), c("cut")}}, {Components: []graceful.Result{c("stuck")}}},
		130: {{Forced: os.Interrupt, Components: []graceful.Result{c("cut")}}},
	} {
		for _, r := range r {
			require.Equal(t, want, r.ExitCode(), "%s", r)
		}
	}
}

// ask asks a probe and returns its status and text.
func ask(handler http.HandlerFunc, url string) (int, string) {
	w := httptest.NewRecorder()
	handler(w, httptest.NewRequest("GET", url, nil))
	return w.Code, w.Body.String()
}

func TestTheProbesFollowTheStates(t *testing.T) {
	var m *graceful.Manager
	opts := quietly()
	opts.OnReady = func() { m.Stop(nil) } // readiness goes in this very instant
	m = graceful.New(opts)
	type answer struct {
		ready, live int
		text        string
	}
	var seen []answer
	look := func() {
		ready, text := ask(m.Readyz, "/readyz?verbose")
		live, _ := ask(m.Livez, "/livez")
		seen = append(seen, answer{ready, live, text})
	}
	m.Add(1, graceful.Component{
		Name:  "db",
		Start: func(context.Context) error { look(); return nil },
		Stop:  func(context.Context) error { look(); return nil },
	})
	look()
	_, err := m.Run(t.Context())
	require.NoError(t, err)
	look()
	require.Equal(t, []answer{
		{503, 200, "new\nnot up: db (phase 1)\n"},
		{503, 200, "starting\nnot up: db (phase 1)\n"},
		{503, 200, "stopping\n"},
		{503, 503, "done\n"},
	}, seen)

	ready, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) { m.Add(0, worker("c")) })
	code, text := ask(ready.Readyz, "/readyz")
	require.Equal(t, 200, code)
	require.Equal(t, "ready\n", text)
	_, err = stop()
	require.NoError(t, err)
}

func TestTheLogTellsThePlanAndTheEnd(t *testing.T) {
	var log bytes.Buffer
	opts := quietly()
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	opts.Budget = 10 * time.Second
	opts.Delay = time.Second
	m := graceful.New(opts)
	slow := worker("slow")
	slow.Limit = time.Minute
	m.Add(1, slow)
	m.Add(3, stopsAll(m))
	m.Add(2, graceful.Component{Name: "bad", Stop: func(context.Context) error { return errMade }})
	_, err := m.Run(t.Context())
	require.Error(t, err)
	for _, line := range []string{
		`msg="graceful: starting" budget=10s delay=1s report=500ms plan="phase 3 (stopper); phase 2 (bad) reserve 950ms; phase 1 (slow) limit 1m0s reserve 950ms"`,
		`level=WARN msg="graceful: the delay and the limits exceed the budget" sum=1m1.1s usable=9.5s`,
		`msg="graceful: stopping" cause="graceful: stop asked for by the program"`,
		`level=ERROR msg="graceful: component" name=bad outcome=failed`,
		`msg="graceful: stopped"`,
	} {
		require.Contains(t, log.String(), line)
	}
}

func TestMisusePanicsAndLeavesTheManagerWhole(t *testing.T) {
	stop := func(context.Context) error { return nil }
	serve := graceful.Server("s", "", &fakeServer{}).Serve
	for text, c := range map[string]graceful.Component{
		"graceful: component without a name":          {Stop: stop},
		"graceful: component without a function":      {Name: "c"},
		"graceful: component with both Run and Serve": {Name: "c", Addr: ":0", Serve: serve, Run: worker("").Run},
		"graceful: Serve without Addr or Listener":    {Name: "c", Serve: serve},
		"graceful: Addr or Listener without Serve":    {Name: "c", Stop: stop, Addr: ":0"},
		"graceful: component name used twice":         {Name: "there", Stop: stop},
	} {
		m := graceful.New(quietly())
		m.Add(0, graceful.Component{Name: "there", Stop: stop})
		require.PanicsWithValue(t, text, func() { m.Add(0, c) })
		m.Add(1, graceful.Component{Name: "c", Stop: stop}, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.PanicsWithValue(t, "graceful: Add after Run", func() { m.Add(0, worker("late")) })
		require.PanicsWithValue(t, "graceful: Run called twice", func() { _, _ = m.Run(t.Context()) })
		require.Equal(t, "done", m.State())
	}
}

func TestNilPanicsAtTheCallThatBringsIt(t *testing.T) {
	var none context.Context
	for text, f := range map[string]func(){
		"graceful: HTTP with a nil server":   func() { graceful.HTTP("c", ":0", nil) },
		"graceful: GRPC with a nil server":   func() { graceful.GRPC("c", ":0", nil) },
		"graceful: Server with a nil server": func() { graceful.Server("c", ":0", nil) },
		"graceful: Func with a nil func":     func() { graceful.Func("c", nil) },
		"graceful: Closer with a nil closer": func() { graceful.Closer("c", nil) },
		"graceful: Run with a nil context":   func() { _, _ = graceful.New(quietly()).Run(none) },
	} {
		require.PanicsWithValue(t, text, f)
	}
}
