package graceful_test

// What happens while a process that is about to stop still serves.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
)

// status asks for a path on a connection of its own and returns the status.
func status(t *testing.T, addr, path string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + path)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// startReady starts a child and waits until its readiness is on: what says that
// it listens is a component, before all are up.
func startReady(t *testing.T, mode string) *child {
	t.Helper()
	c := start(t, mode)
	require.Eventually(t, func() bool { return status(t, c.addr, "/readyz") == http.StatusOK }, patience, time.Millisecond)
	return c
}

func TestADelayServesOnWithReadinessOff(t *testing.T) {
	t.Parallel()
	c := startReady(t, "delay")
	signalled := time.Now()
	c.signal(syscall.SIGTERM)
	require.Eventually(t, func() bool { return status(t, c.addr, "/readyz") == http.StatusServiceUnavailable }, patience, time.Millisecond)
	require.Equal(t, http.StatusOK, status(t, c.addr, "/livez"))
	late := dial(t, c.addr)
	_, err := exchange(late, bufio.NewReader(late), "hello", true)
	require.NoError(t, err)
	require.Equal(t, 0, c.exit(), "%s", c.output())
	require.GreaterOrEqual(t, time.Since(signalled), time.Second)
}

// In a delay, each client is told to go once at its turn, so that they neither
// come back all at once nor dial for every request.
func TestClientsAreToldToGoOneAfterAnotherInADelay(t *testing.T) {
	t.Parallel()
	c := startReady(t, "delay")
	const clients = 16
	var dials, early atomic.Int64
	var signalled atomic.Int64
	var wg sync.WaitGroup
	for range clients {
		conn := dial(t, c.addr)
		wg.Go(func() { // ends when the server listens no longer
			for {
				r := bufio.NewReader(conn)
				for {
					a, err := exchange(conn, r, "hello", true)
					if err != nil {
						return
					}
					if !a.again {
						break
					}
				}
				since := time.Since(time.Unix(0, signalled.Load()))
				if since < 500*time.Millisecond {
					early.Add(1)
				}
				_ = conn.Close()
				var err error
				if conn, err = net.DialTimeout("tcp", c.addr, patience); err != nil {
					return
				}
				dials.Add(1)
			}
		})
	}
	signalled.Store(time.Now().UnixNano())
	c.signal(syscall.SIGTERM)
	wg.Wait()
	require.Equal(t, 0, c.exit(), "%s", c.output())
	require.Positive(t, early.Load(), "some go in the first half")
	require.Less(t, dials.Load(), int64(clients*40), "a connection that came in the delay has a turn of its own, later")
}

func TestADelayThatMayEndsWhenNothingComesButProbes(t *testing.T) {
	t.Parallel()
	c := startReady(t, "quiet")
	c.signal(syscall.SIGTERM)
	keep := dial(t, c.addr)
	r := bufio.NewReader(keep)
	for began := time.Now(); time.Since(began) < 5*quiet/2; { // several times what counts as quiet
		a, err := exchange(keep, r, "hello", true)
		require.NoError(t, err)
		if !a.again {
			keep = dial(t, c.addr)
			r = bufio.NewReader(keep)
		}
		wait(20 * time.Millisecond)
	}
	stopProbes := make(chan struct{})
	var probes sync.WaitGroup
	probes.Go(func() { // ends when told
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		for {
			select {
			case <-stopProbes:
				return
			case <-time.After(10 * time.Millisecond):
				if resp, err := client.Get("http://" + c.addr + "/readyz"); err == nil {
					_ = resp.Body.Close()
				}
			}
		}
	})
	require.Equal(t, 0, c.exit(), "%s", c.output()) // not after its minute: exit has no patience for that
	close(stopProbes)
	probes.Wait()
}

func TestInKubernetesTheDelayIsFiveSecondsAndElsewhereNone(t *testing.T) {
	plan := func(opts graceful.Options) string {
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		m.Add(1, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		return log.String()
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	require.Contains(t, plan(quietly()), "delay=0s")
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	require.Contains(t, plan(quietly()), "delay=5s")
	none := quietly()
	none.Delay = -1
	require.Contains(t, plan(none), "delay=0s")
	own := quietly()
	own.Delay = 7 * time.Second
	require.Contains(t, plan(own), "delay=7s")
}

func TestNothingButATermIsFollowedByADelay(t *testing.T) {
	t.Parallel()
	c := startReady(t, "quiet") // a minute
	c.signal(syscall.SIGINT)
	require.Equal(t, 0, c.exit(), "%s", c.output()) // which has no patience for a minute
}

func TestPreStopHooksRunTogetherWhileEverythingServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(10 * time.Second))
		var state []string
		var mu sync.Mutex
		hook := func(ctx context.Context) error {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			state = append(state, m.State())
			if _, bounded := ctx.Deadline(); !bounded {
				return errMade
			}
			return nil
		}
		var stopped time.Duration
		began := time.Now()
		below := worker("below")
		below.PreStop = hook
		m.Add(1, below, graceful.Component{Name: "hook only", PreStop: hook})
		m.Add(2, graceful.Component{Name: "above", PreStop: hook, Stop: func(context.Context) error {
			stopped = time.Since(began)
			return nil
		}})
		m.Add(3, stopsAll(m))
		report, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"pre-stop", "pre-stop", "pre-stop"}, state)
		require.Equal(t, time.Second, stopped)
		require.Equal(t, map[string]string{"stopper": "stopped", "above": "stopped", "below": "stopped", "hook only": "stopped"}, outcomes(report))
	})
}

func TestAPreStopHookThatFailsMakesItsComponentFailAndTheStopGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		m.Add(1, graceful.Component{Name: "fails", PreStop: func(context.Context) error { return errMade }},
			graceful.Component{Name: "panics", PreStop: func(context.Context) error { panic(errMade) }, Stop: func(context.Context) error { return nil }},
			worker("fine"))
		m.Add(2, stopsAll(m))
		report, err := m.Run(t.Context())
		var p *belay.PanicError
		require.ErrorAs(t, err, &p)
		require.ErrorContains(t, err, "graceful: fails: pre-stop: made to fail")
		require.Equal(t, map[string]string{"stopper": "stopped", "fails": "failed", "panics": "panicked", "fine": "stopped"}, outcomes(report))
		require.Equal(t, 1, report.ExitCode())
	})
}

func TestAPreStopHookThatHangsLeavesThePhasesTheirTimeAndIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietlyWithin(10 * time.Second)
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		release := make(chan struct{})
		var left time.Duration
		m.Add(1, graceful.Component{Name: "hangs", PreStop: func(context.Context) error { <-release; return nil }})
		m.Add(2, graceful.Component{Name: "needs time", Stop: func(ctx context.Context) error {
			end, _ := ctx.Deadline()
			left = time.Until(end)
			return nil
		}})
		m.Add(3, stopsAll(m))
		report, _ := m.Run(t.Context())
		close(release)
		require.Equal(t, map[string]string{"stopper": "stopped", "needs time": "stopped", "hangs": "stuck"}, outcomes(report))
		require.Regexp(t, `^chan receive, 1 goroutine, graceful_test\.\S+ \S+delay_test\.go:\d+$`, report.Components[2].Where)
		require.Regexp(t, `hangs \(in its pre-stop hook for \d\.\d s\): chan receive, 1 goroutine, `, log.String())
		require.Greater(t, left, 900*time.Millisecond, "a tenth is kept")
		require.LessOrEqual(t, report.Took, 10*time.Second)
		require.Equal(t, 3, report.ExitCode())
	})
}

func TestAPreStopHookIsNotCalledForWhatIsNotUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		called := false
		never := graceful.Func("never up", func(ctx context.Context, _ func()) error { <-ctx.Done(); return nil })
		never.PreStop = func(context.Context) error { called = true; return nil }
		m.Add(1, never, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.False(t, called)
	})
}

func TestAPanicInAComponentStopsTheRestInOrderIfThatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, bomb := range map[string]graceful.Component{
			"run":   graceful.Func("bomb", func(_ context.Context, ready func()) error { ready(); panic(errMade) }),
			"start": {Name: "bomb", Start: func(context.Context) error { panic(errMade) }},
		} {
			opts := quietly()
			opts.StopOnPanic = true
			m := graceful.New(opts)
			stopped := false
			m.Add(1, graceful.Component{Name: "below", Stop: func(context.Context) error { stopped = true; return nil }})
			m.Add(2, bomb)
			report, err := m.Run(t.Context())
			var p *belay.PanicError
			require.ErrorAs(t, err, &p, name)
			require.ErrorIs(t, err, errMade)
			require.Contains(t, string(p.Stack), "delay_test.go")
			require.True(t, stopped)
			require.Equal(t, "panicked", outcomes(report)["bomb"], name)
			require.Equal(t, 1, report.ExitCode())
		}
	})
	c := start(t, "panicstop")
	require.Equal(t, 1, c.exit(), "%s", c.output())
	require.Regexp(t, `(?m)^  bomb +PANICKED `, c.output())
	require.Regexp(t, `(?m)^  http +stopped `, c.output())
}

func TestASecondTermForcesIfThatIsAskedFor(t *testing.T) {
	t.Parallel()
	c := start(t, "forceterm")
	c.forces(syscall.SIGTERM, "graceful: stopping")
	require.Equal(t, 128+15, c.exit(), "%s", c.output())
	require.Contains(t, c.output(), "forced by terminated")
}

func TestMainReturnsTheExitCodeAndPrintsAReportThatIsNotClean(t *testing.T) {
	t.Parallel()
	c := start(t, "main")
	c.signal(syscall.SIGTERM)
	require.Equal(t, 0, c.exit(), "%s", c.output())
	require.NotContains(t, c.output(), "stopped after")

	c = start(t, "main")
	fmt.Fprintln(c.stdin)
	require.Equal(t, 1, c.exit(), "%s", c.output())
	require.Contains(t, c.output(), "stopped after")
	require.Regexp(t, `(?m)^  failing +failed .*made to fail`, c.output())

	done, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("before"))
	m := graceful.New(quietly())
	m.Add(1, worker("w"))
	require.Equal(t, 1, m.Main(done), "nothing ran, and no component failed")
}
