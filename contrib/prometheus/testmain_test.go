package belayprometheus_test

// The test binary plays the processes that Prometheus scrapes.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/prometheus"
	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/limiter/semaphore"
)

// playEnv makes the test binary a service, whose targets are written to the
// folder that it names.
const playEnv = "BELAYPROMETHEUS_TEST_TARGETS"

// patience bounds every wait for a real process or socket.
const patience = 40 * time.Second

func TestMain(m *testing.M) {
	if dir := os.Getenv(playEnv); dir != "" {
		os.Exit(play(dir))
	}
	os.Exit(m.Run())
}

// play serves what a service serves: requests under a limit, and metrics on an
// address of each process's own.
func play(dir string) int {
	requests := semaphore.New(semaphore.Options{Size: 2, WaitTime: true})
	var m *graceful.Manager
	m = graceful.New(graceful.Options{
		Logger: slog.New(slog.DiscardHandler), TerminationLog: "-",
		Restart: graceful.RestartOptions{Enabled: true, Probation: 100 * time.Millisecond},
		OnReady: func() { fmt.Println("ready", os.Getpid(), m.Addr("web"), m.Addr("metrics")) },
	})
	registry := prometheus.NewRegistry()
	registry.MustRegister(belayprometheus.New(belayprometheus.Options{
		Stats: map[string]func() belay.Stats{"requests": requests.Stats}, Manager: m,
	}))
	metrics, err := metricsOfThisProcess(registry, dir)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	m.Add(0, metrics) // stops last
	m.Add(1, graceful.HTTP("web", "127.0.0.1:0", &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := requests.Acquire(r.Context(), 1); err != nil {
			return
		}
		defer requests.Release(1)
		_, _ = io.Copy(w, r.Body) // until the client has sent all of it
	})}))
	report, err := m.Run(context.Background())
	fmt.Println("done", os.Getpid(), err)
	return report.ExitCode()
}

// A service is the process that play is, and those that took its place.
type service struct {
	t     *testing.T
	lines chan string
	pids  []int

	out struct {
		sync.Mutex
		bytes.Buffer
	}
}

// serve starts a service whose targets are in dir.
func serve(t *testing.T, dir string) *service {
	t.Helper()
	s := &service{t: t, lines: make(chan string, 100)}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), playEnv+"="+dir, "GORACE=atexit_sleep_ms=10", "KUBERNETES_SERVICE_HOST=", "NOTIFY_SOCKET=")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	t.Cleanup(func() {
		for _, pid := range s.pids {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	go func() { // ends with the last process
		defer close(s.lines)
		defer r.Close()
		for scan := bufio.NewScanner(r); scan.Scan(); {
			s.out.Lock()
			fmt.Fprintln(&s.out.Buffer, scan.Text())
			s.out.Unlock()
			s.lines <- scan.Text()
		}
	}()
	return s
}

func (s *service) output() string {
	s.out.Lock()
	defer s.out.Unlock()
	return s.out.String()
}

// line waits for the line that begins with prefix, and returns its other words.
func (s *service) line(prefix string) []string {
	s.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				require.FailNow(s.t, "ended", "%s", s.output())
			}
			if rest, ok := strings.CutPrefix(line, prefix+" "); ok {
				return strings.Fields(rest)
			}
		case <-limit:
			require.FailNow(s.t, "no line", "%q:\n%s", prefix, s.output())
		}
	}
}

// ready waits for the next process that is, and returns its addresses.
func (s *service) ready() (pid int, web, metrics string) {
	s.t.Helper()
	words := s.line("ready")
	require.Len(s.t, words, 3)
	pid, err := strconv.Atoi(words[0])
	require.NoError(s.t, err)
	s.pids = append(s.pids, pid)
	return pid, words[1], words[2]
}

// eventually waits for what others do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(limit), "%s", what)
	}
}
