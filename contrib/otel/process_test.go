//go:build unix

package belayotel_test

// Restarts of real processes, as spans: the test binary plays them.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/belay-go/belay/contrib/otel"
	"github.com/belay-go/belay/graceful"
)

// playEnv makes the test binary a service with that probation.
const playEnv = "BELAYOTEL_TEST_PROBATION"

// patience bounds every wait for a real process.
const patience = 40 * time.Second

func TestMain(m *testing.M) {
	if probation, err := time.ParseDuration(os.Getenv(playEnv)); err == nil {
		os.Exit(play(probation))
	}
	os.Exit(m.Run())
}

// printed is an exporter that prints roots with their outcome and their events.
type printed struct{}

func (printed) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		if s.Parent().IsValid() {
			continue
		}
		line := fmt.Sprintf("span %d %s, %d links:", os.Getpid(), s.Name(), len(s.Links()))
		for _, e := range s.Events() {
			line += " " + e.Name + ";"
		}
		fmt.Println(line)
	}
	return nil
}

func (printed) Shutdown(context.Context) error { return nil }

// play serves until it is stopped or replaced.
func play(probation time.Duration) int {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printed{}))
	m := graceful.New(graceful.Options{
		Logger: slog.New(slog.DiscardHandler), TerminationLog: "-",
		Restart: graceful.RestartOptions{Enabled: true, Probation: probation},
		OnReady: func() { fmt.Println("ready", os.Getpid()) },
	})
	m.Add(-1, belayotel.Spans(m, belayotel.SpanOptions{TracerProvider: provider, Shutdown: provider.Shutdown}))
	m.Observe(func(rep graceful.Report) {
		for _, res := range rep.Restarts {
			fmt.Println("restart", os.Getpid(), res.Outcome)
		}
	})
	m.Add(1, graceful.HTTP("web", "127.0.0.1:0", &http.Server{}))
	_, err := m.Run(context.Background())
	fmt.Println("done", os.Getpid(), err)
	return 0
}

// A service is the process that play is, and those that took its place.
type service struct {
	t    *testing.T
	pids []int
	mu   struct {
		sync.Mutex
		out bytes.Buffer
	}
}

func serve(t *testing.T, probation time.Duration) *service {
	t.Helper()
	s := &service{t: t}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), playEnv+"="+probation.String(), "GORACE=atexit_sleep_ms=10", "KUBERNETES_SERVICE_HOST=", "NOTIFY_SOCKET=")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	t.Cleanup(func() {
		for _, pid := range s.pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	go func() { // ends with the last process
		defer r.Close()
		for scan := bufio.NewScanner(r); scan.Scan(); {
			s.mu.Lock()
			fmt.Fprintln(&s.mu.out, scan.Text())
			s.mu.Unlock()
		}
	}()
	return s
}

func (s *service) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.out.String()
}

// said waits for a line that begins with a text, and returns it.
func (s *service) said(text string) string {
	s.t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(s.output()) {
			if strings.HasPrefix(line, text) {
				return strings.TrimSpace(line)
			}
		}
		require.True(s.t, time.Now().Before(limit), "%q:\n%s", text, s.output())
	}
}

// ready waits for the n-th process that is, and returns its pid.
func (s *service) ready(n int) int {
	s.t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var found []string
		for line := range strings.Lines(s.output()) {
			if pid, ok := strings.CutPrefix(line, "ready "); ok && strings.HasSuffix(pid, "\n") {
				found = append(found, strings.TrimSpace(pid))
			}
		}
		if len(found) >= n {
			pid, err := strconv.Atoi(found[n-1])
			require.NoError(s.t, err)
			s.pids = append(s.pids, pid)
			return pid
		}
		require.True(s.t, time.Now().Before(limit), "%s", s.output())
	}
}

func (s *service) kill(pid int, sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, syscall.Kill(pid, sig))
}

func TestARestartIsATraceOfTheProcessThatWasReplaced(t *testing.T) {
	t.Parallel()
	s := serve(t, 50*time.Millisecond)
	old := s.ready(1)
	s.kill(old, syscall.SIGUSR2)
	heir := s.ready(2)
	s.said(fmt.Sprintf("done %d <nil>", old))
	require.Equal(t, fmt.Sprintf("span %d graceful restart, 1 links: asked for; the new process accepts; replaced;", old), s.said(fmt.Sprintf("span %d graceful restart", old)))
	s.said(fmt.Sprintf("span %d graceful stop, 1 links:", old))
	s.said(fmt.Sprintf("span %d graceful start, 0 links:", heir))
	s.kill(heir, syscall.SIGTERM)
	s.said(fmt.Sprintf("done %d <nil>", heir))
	require.Equal(t, 1, strings.Count(s.output(), "graceful restart"), "%s", s.output())
}

func TestARestartThatComesToNothingIsATraceOfTheProcessThatCameBack(t *testing.T) {
	t.Parallel()
	s := serve(t, time.Minute)
	old := s.ready(1)
	s.kill(old, syscall.SIGUSR2)
	s.kill(s.ready(2), syscall.SIGKILL)
	require.Equal(t, fmt.Sprintf("span %d graceful restart, 1 links: asked for; the new process accepts; came back; exception;", old), s.said(fmt.Sprintf("span %d graceful restart", old)))
	s.kill(old, syscall.SIGTERM)
	s.said(fmt.Sprintf("done %d <nil>", old))
}

func TestAStopOnProbationEndsTheTraceOfTheRestart(t *testing.T) {
	t.Parallel()
	s := serve(t, time.Minute)
	old := s.ready(1)
	s.kill(old, syscall.SIGUSR2)
	s.ready(2)
	s.said(fmt.Sprintf("restart %d probation", old))
	s.kill(old, syscall.SIGTERM) // both stop
	require.Equal(t, fmt.Sprintf("span %d graceful restart, 1 links: asked for; the new process accepts;", old), s.said(fmt.Sprintf("span %d graceful restart", old)))
	s.said(fmt.Sprintf("done %d <nil>", old))
}
