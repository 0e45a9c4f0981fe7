//go:build unix

package graceful_test

// What observers are told of restarts, in real processes.

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// sayRestarts says what m's observers hear of restarts.
func sayRestarts(m *graceful.Manager) {
	last := ""
	m.Observe(func(rep graceful.Report) {
		for _, res := range rep.Restarts {
			now := fmt.Sprintf("%s %s, up %v, err %v, %d of %d failed", res.Outcome, res.Detail, !res.Up.IsZero() && res.Used > 0, res.Err, rep.RestartsFailed, rep.RestartsTried)
			if now != last {
				last = now
				say("observed in generation %d: %s", rep.Generation, now)
			}
		}
	})
}

// hold begins a request that its process waits for until its body is closed.
func hold(t *testing.T, s *service) *request {
	t.Helper()
	return begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+s.addr+"/hang")
}

// draining waits until the process that accepts says that of those before it.
func (s *service) draining(text string) {
	s.t.Helper()
	got := ""
	for limit := time.Now().Add(patience); !strings.HasPrefix(got, text); wait(time.Millisecond) {
		require.True(s.t, time.Now().Before(limit), "%q, not %q", got, text)
		got = s.get("/draining")
	}
}

// What has ended two generations ago is nobody's link: it has to be looked for.
func TestAReportCountsTheEarlierProcessesThatAreStillThere(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=-1ns", "DRAINING=2")
	first := hold(t, s)
	require.Empty(t, s.restart())
	s.ready()
	s.draining("1 of 1 since 20")
	second := hold(t, s)
	require.Empty(t, s.restart())
	s.ready()
	s.draining("2 of 2 since 20")
	require.NoError(t, first.resp.Body.Close())
	s.draining("1 of 2 since 20")
	require.NoError(t, second.resp.Body.Close())
	s.draining("0 of 2 since never")
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestObserversAreToldHowARestartWent(t *testing.T) {
	t.Parallel()
	s := serve(t, "OBSERVE=1", "PROBATION=50ms")
	old := s.pid
	held := hold(t, s)
	require.Empty(t, s.restart())
	s.ready()
	s.said(fmt.Sprintf("observed in generation 0: probation pid %d, up true, err <nil>, 0 of 1 failed", s.pid))
	s.said(fmt.Sprintf("observed in generation 0: replaced pid %d, up true, err <nil>, 0 of 1 failed", s.pid))
	require.Regexp(t, `^1 of 1 since \S`, s.get("/draining"))
	require.Contains(t, s.restart(), "still there")
	s.said("observed in generation 1: failed , up false, err 1 of 1 replaced processes are still there")
	require.NoError(t, held.resp.Body.Close())
	s.line(fmt.Sprintf("process %d is done", old))
	s.draining("0 of 1 since never")
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestObserversAreToldThatTheOldProcessCameBack(t *testing.T) {
	t.Parallel()
	s := serve(t, "OBSERVE=1", "FAULT=dies on probation", "PROBATION=20s")
	old := s.pid
	require.Empty(t, s.restart())
	s.ready()
	s.said(fmt.Sprintf("observed in generation 0: came back pid %d, up true, err the new process, pid %d, has ended: signal: killed, 1 of 1 failed", s.pid, s.pid))
	require.Equal(t, 1, strings.Count(s.output(), ": came back"))
	s.pid = old
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}
