package graceful_test

// Whoever is killed in the middle of a stop has said why: real processes, and
// a signal that can't be caught.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

const killBudget = 3 * time.Second

func init() {
	plays["culprit"] = playCulprit
	plays["lateready"] = playLateReady
}

// playCulprit has a consumer that does not stop, among others that do.
func playCulprit(string) int {
	log := slog.New(slog.NewTextHandler(announcing{os.Stderr}, nil))
	m := graceful.New(graceful.Options{Logger: log, Budget: killBudget})
	m.Add(1, worker("db"))
	m.Add(2, worker("cache"), graceful.Func("consumer", func(ctx context.Context, ready func()) error {
		var batch sync.Mutex
		batch.Lock()
		ready()
		<-ctx.Done()
		flush(&batch)
		return nil
	}))
	m.Add(3, graceful.Func("server", func(ctx context.Context, ready func()) error {
		ready()
		<-graceful.Draining(ctx)
		say("stopping")
		return nil
	}))
	m.Add(4, graceful.Component{Name: "say", Start: func(context.Context) error { say("ready -"); return nil }})
	report, _ := m.Run(context.Background())
	return report.ExitCode()
}

// announcing says on the output of its process when the log has named who is
// waited for.
type announcing struct{ log io.Writer }

func (a announcing) Write(p []byte) (int, error) {
	n, err := a.log.Write(p)
	if bytes.Contains(p, []byte("still stopping")) {
		say("told")
	}
	return n, err
}

func flush(batch *sync.Mutex) { batch.Lock() }

var culprit = regexp.MustCompile(`[ "]consumer[ "(].*mutex, 1 goroutine, graceful_test\.flush [^ ]*/kill_test\.go:\d+`)

// killed starts the child, sends it SIGTERM and kills it so long after its
// stop has begun, but not before it has come to its first quarter: on a busy
// machine that is later than it is due. It returns what it wrote to stderr.
func killed(stderr *os.File, output func() ([]byte, error), after time.Duration) (log []byte, err error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=culprit", "GORACE=atexit_sleep_ms=10", "KUBERNETES_SERVICE_HOST=")
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "ready -" {
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return nil, err
	}
	for lines.Scan() && lines.Text() != "stopping" {
	}
	due := time.Now().Add(after)
	for lines.Scan() && lines.Text() != "told" {
	}
	wait(time.Until(due))
	_ = cmd.Process.Kill() // it may have ended by itself by now
	_ = cmd.Wait()
	return output()
}

// inFile and inPipe are two places that a log may go to. Nobody reads the pipe
// before the end.
func inFile(t *testing.T, i int) (*os.File, func() ([]byte, error)) {
	path := filepath.Join(t.TempDir(), fmt.Sprint("log", i))
	f, err := os.Create(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f, func() ([]byte, error) { return os.ReadFile(path) }
}

func inPipe(t *testing.T) (*os.File, func() ([]byte, error)) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return w, func() ([]byte, error) {
		_ = w.Close()
		return io.ReadAll(r)
	}
}

func TestAKillAtAnyTimeAfterAQuarterFindsTheCulpritInTheLastLine(t *testing.T) {
	const kills = 20
	var logs [kills][]byte
	var errs [kills]error
	var wg sync.WaitGroup
	for i := range kills {
		stderr, output := inPipe(t)
		if i%2 == 0 {
			stderr, output = inFile(t, i)
		}
		wg.Go(func() {
			logs[i], errs[i] = killed(stderr, output, killBudget/4+killBudget*3/4*time.Duration(i)/(kills-1)) // from 25 to 100 %
		})
	}
	wg.Wait()
	named, ended := 0, 0
	for i, log := range logs {
		require.NoError(t, errs[i])
		require.Contains(t, string(log), "still stopping", "kill %d", i)
		lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
		last := lines[len(lines)-1]
		require.Regexp(t, culprit, string(last), "kill %d:\n%s", i, log)
		named++
		if bytes.Contains(last, []byte("graceful: stopped")) {
			ended++
		}
	}
	require.Less(t, ended, kills, "none was killed in the middle")
	t.Logf("%d of %d named, %d of them at the end of their stop", named, kills, ended)
}

func TestWhoeverAsksAgainIsToldWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	c := start(t, "culprit")
	c.signal(syscall.SIGTERM)
	c.line("stopping")
	wait(210 * time.Millisecond) // or it is the same one
	c.signal(syscall.SIGTERM)
	require.Equal(t, 3, c.exit(), "%s", c.output())
	asked := regexp.MustCompile(`signal repeated" signal=terminated left=(\S+)\n.*still stopping" percent=\d+ left=(\S+) .* components="consumer \(stopping for [^)]+\): mutex, 1 goroutine, graceful_test\.flush `).FindStringSubmatch(c.output())
	require.Len(t, asked, 3, "%s", c.output())
	repeated, err := time.ParseDuration(asked[1])
	require.NoError(t, err)
	told, err := time.ParseDuration(asked[2])
	require.NoError(t, err)
	require.Equal(t, repeated.Round(time.Millisecond), told, "at this very time, and not at the next quarter")
}

// playLateReady takes its time in OnReady, and a stop waits for that.
func playLateReady(string) int {
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	m := graceful.New(graceful.Options{Logger: log, OnReady: func() {
		say("ready -")
		wait(300 * time.Millisecond)
	}})
	m.Add(1, worker("fine"))
	report, _ := m.Run(context.Background())
	return report.ExitCode()
}

func TestWhereNothingIsWaitedForNothingIsTold(t *testing.T) {
	t.Parallel()
	c := start(t, "lateready")
	c.signal(syscall.SIGTERM)
	wait(10 * time.Millisecond)
	c.signal(os.Interrupt)
	require.Equal(t, 0, c.exit(), "%s", c.output())
	require.Contains(t, c.output(), "signal repeated")
	require.NotContains(t, c.output(), "still stopping")
}
