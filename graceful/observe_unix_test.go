//go:build unix

package graceful_test

// What observers are told of restarts, in real processes.

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

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

func TestObserversAreToldHowARestartWent(t *testing.T) {
	t.Parallel()
	s := serve(t, "OBSERVE=1", "PROBATION=50ms")
	old := s.pid
	slow := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+s.addr+"/slow?d=1s")
	require.Empty(t, s.restart())
	s.ready()
	s.said(fmt.Sprintf("observed in generation 0: probation pid %d, up true, err <nil>, 0 of 1 failed", s.pid))
	s.said(fmt.Sprintf("observed in generation 0: replaced pid %d, up true, err <nil>, 0 of 1 failed", s.pid))
	require.Regexp(t, `^1 of 1 since \S`, s.get("/draining"))
	require.Contains(t, s.restart(), "still there")
	s.said("observed in generation 1: failed , up false, err 1 of 1 replaced processes are still there")
	require.Equal(t, "begin end", slow.body(t))
	s.line(fmt.Sprintf("process %d is done", old))
	require.Equal(t, "0 of 1 since never", s.get("/draining"))
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
