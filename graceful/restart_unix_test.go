//go:build unix

package graceful_test

// A process that another one takes the place of: real processes, real sockets,
// and clients that send nothing twice.

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func init() { plays["restart"] = playRestart }

// playRestart serves, and may be replaced. What goes wrong where is said by
// variables, and only in the processes of a generation that is said, too.
func playRestart(string) int {
	read := func(name string) time.Duration { d, _ := time.ParseDuration(os.Getenv(name)); return d }
	opts := graceful.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stdout, nil)), TerminationLog: "-", Budget: 5 * time.Second,
		Restart: graceful.RestartOptions{
			Enabled: true, OwnTicketKeys: os.Getenv("TLS") == "own keys", Path: os.Getenv("PROGRAM"), Probation: read("PROBATION"), Limit: read("LIMIT"), Budget: read("RESTART_BUDGET"),
		},
	}
	opts.Restart.Draining, _ = strconv.Atoi(os.Getenv("DRAINING"))
	opts.Restart.Memory, _ = strconv.ParseInt(os.Getenv("MEMORY"), 10, 64)
	name := "http"
	if now, err := os.ReadFile(os.Getenv("NAME_FILE")); err == nil {
		name = string(now)
	}
	var m *graceful.Manager
	opts.OnReady = func() {
		say("ready %s %d %d", m.Addr(name), os.Getpid(), m.Report().Generation)
	}
	m = graceful.New(opts)
	meddle(m)
	if os.Getenv("OBSERVE") != "" {
		sayRestarts(m)
	}
	mux := handler()
	mux.HandleFunc("GET /draining", func(w http.ResponseWriter, r *http.Request) {
		rep, since := m.Report(), "never"
		if !rep.DrainingSince.IsZero() {
			since = rep.DrainingSince.String()
		}
		fmt.Fprintf(w, "%d of %d since %s", rep.Draining, rep.Generation, since)
	})
	mux.HandleFunc("GET /pid", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("GET /readyz", m.Readyz)
	lookInside(mux)
	mux.HandleFunc("GET /restart-now", func(w http.ResponseWriter, r *http.Request) {
		if err := m.Restart(r.Context()); err != nil {
			fmt.Fprint(w, err)
		}
	})
	mux.HandleFunc("POST /restart", func(w http.ResponseWriter, r *http.Request) {
		err := m.Restart(r.Context())
		say("restart returned %v", err)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	addr := "127.0.0.1:0"
	if path := os.Getenv("SOCKET"); path != "" {
		addr = "unix:" + path
	}
	if now, err := os.ReadFile(os.Getenv("ADDR_FILE")); err == nil {
		addr = string(now)
	}
	srv := &http.Server{Handler: mux}
	server := graceful.HTTP(name, addr, srv)
	switch os.Getenv("IDLE") {
	case "goes":
		server.HandOverIdle = true
	case "followed":
		server.HandOverIdle = true
		srv.ConnState = func(net.Conn, http.ConnState) {}
	}
	if os.Getenv("TLS") != "" {
		overTLS(m, mux, srv)
	}
	m.Add(20, server)
	consumer := graceful.Func("consumer", func(ctx context.Context, ready func()) error {
		ready()
		say("consumer starts in %d", os.Getpid())
		<-ctx.Done()
		say("consumer ends in %d: %v", os.Getpid(), context.Cause(ctx))
		return nil
	})
	consumer.Exclusive = true
	m.Add(10, consumer, graceful.Component{
		Name: "cron", Exclusive: true,
		Start: func(context.Context) error { say("cron starts in %d", os.Getpid()); return nil },
		Stop: func(context.Context) error {
			wait(read("CRON_STOP"))
			say("cron stops in %d", os.Getpid())
			return nil
		},
	})
	if fault := faults[os.Getenv("FAULT")]; fault != nil {
		m.Add(30, graceful.Component{Name: "fault", Start: func(context.Context) error { return fault(m) }})
	}
	report, err := m.Run(context.Background())
	say("%s", report)
	say("process %d is done: %v", os.Getpid(), err)
	return report.ExitCode()
}

// faults are what a process may do wrong; those who serve for the first time do
// nothing of it.
var faults = map[string]func(m *graceful.Manager) error{
	"fails": heirOnly(func(*graceful.Manager) error { return errMade }),
	"exits": heirOnly(func(*graceful.Manager) error { os.Exit(7); return nil }),
	"hangs": heirOnly(func(*graceful.Manager) error { select {} }),
	"dies":  heirOnly(func(*graceful.Manager) error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) }),
	"dies when it accepts": heirOnly(func(m *graceful.Manager) error {
		go func() { // ends with the process
			for m.State() != "ready" {
				runtime.Gosched()
			}
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}()
		return nil
	}),
	"dies on probation": heirOnly(func(m *graceful.Manager) error {
		go func() { // ends with the process
			for m.State() != "ready" {
				wait(time.Millisecond)
			}
			wait(100 * time.Millisecond)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}()
		return nil
	}),
}

func heirOnly(f func(*graceful.Manager) error) func(*graceful.Manager) error {
	return func(m *graceful.Manager) error {
		if m.Report().Generation == 0 {
			return nil
		}
		return f(m)
	}
}

// A service is a child that is replaced by others.
type service struct {
	*child
	pid, generation int
}

func serve(t *testing.T, pairs ...string) *service {
	t.Helper()
	s := &service{child: spawn(t, "restart", env(pairs...))}
	t.Cleanup(func() { _ = syscall.Kill(s.pid, syscall.SIGKILL) })
	s.ready()
	return s
}

// ready waits for the next process that says that it is ready.
func (s *service) ready() {
	s.t.Helper()
	fields := strings.Fields(s.line("ready "))
	require.Len(s.t, fields, 4)
	s.addr = fields[1]
	s.pid, _ = strconv.Atoi(fields[2])
	s.generation, _ = strconv.Atoi(fields[3])
}

// main waits until the last process is the main one: before that the end of it
// brings back the one before.
func (s *service) main() {
	s.t.Helper()
	const over = "the probation is over"
	for limit := time.Now().Add(patience); strings.Count(s.output(), over) < s.generation; wait(time.Millisecond) {
		require.True(s.t, time.Now().Before(limit), "%s", s.output())
	}
}

// said waits for a text that may have been said already.
func (s *service) said(text string) {
	s.t.Helper()
	for limit := time.Now().Add(patience); !strings.Contains(s.output(), text); wait(time.Millisecond) {
		require.True(s.t, time.Now().Before(limit), "%q:\n%s", text, s.output())
	}
}

func (s *service) kill(sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, syscall.Kill(s.pid, sig))
}

// get asks over a connection of its own.
func (s *service) get(path string) string {
	s.t.Helper()
	return s.getOver(&http.Transport{DisableKeepAlives: true}, path)
}

func (s *service) getOver(transport *http.Transport, path string) string {
	s.t.Helper()
	client := http.Client{Transport: transport, Timeout: patience}
	resp, err := client.Get("http://" + s.addr + path)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return string(body)
}

// restart asks for a restart and returns the error's text.
func (s *service) restart() string {
	s.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Post("http://"+s.addr+"/restart", "", nil)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return strings.TrimSpace(string(body))
}

// replace restarts as soon as there is room for one more process.
func (s *service) replace() {
	s.t.Helper()
	limit := time.Now().Add(patience)
	for why := s.restart(); why != ""; why = s.restart() {
		require.Contains(s.t, why, "still there", "%s", s.output())
		require.True(s.t, time.Now().Before(limit), why)
		wait(10 * time.Millisecond)
	}
	s.ready()
}

func TestASignalPutsANewProcessInThePlaceOfTheOldOne(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=50ms")
	first := s.pid
	addr := s.addr
	slow := begin(t, &http.Client{Transport: &http.Transport{}}, "http://"+s.addr+"/slow?d=500ms")
	s.kill(syscall.SIGUSR2)
	s.ready()
	require.NotEqual(t, first, s.pid)
	require.Equal(t, 1, s.generation)
	require.Equal(t, addr, s.addr)
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	require.Equal(t, "begin end", slow.body(t), "what the old process has begun")
	s.line(fmt.Sprintf("process %d is done: <nil>", first))
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	s.kill(syscall.SIGTERM)
	s.line(fmt.Sprintf("process %d is done: <nil>", s.pid))
	require.Equal(t, 0, s.exit(), "%s", s.output())
	require.Contains(t, s.output(), fmt.Sprintf("another process has taken this one's place: pid %d", s.pid))
}

func TestTwentyRestartsUnderLoadLoseNoRequest(t *testing.T) {
	s := serve(t, "PROBATION=-1ns", "DRAINING=3")
	l := startLoad(s.addr, 32)
	for range 20 {
		at := l.answered.Load()
		limit := time.Now().Add(patience)
		for l.answered.Load() < at+200 && time.Now().Before(limit) {
			wait(time.Millisecond)
		}
		s.replace()
	}
	require.Equal(t, 20, s.generation)
	s.main()
	s.kill(syscall.SIGTERM)
	l.wg.Wait()
	require.Equal(t, 0, s.exit(), "%s", s.output())
	t.Logf("%d answered, %d lost, %d late, %d refused; %v", l.answered.Load(), l.lost.Load(), l.late.Load(), l.refused.Load(), l.mu.why)
	require.Zero(t, l.lost.Load(), "%v", l.mu.why)
	require.Greater(t, l.answered.Load(), int64(4000))
}

func TestANewProcessThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"fails": "has ended: exit status 1",
		"exits": "has ended: exit status 7",
		"hangs": "was not ready within 300ms",
		"dies":  "has ended: signal: killed",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "FAULT="+fault, "LIMIT=300ms")
			if fault != "hangs" {
				s = serve(t, "FAULT="+fault)
			}
			require.Contains(t, s.restart(), want)
			require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
			require.Equal(t, "ready\n", s.get("/readyz"))
			s.kill(syscall.SIGUSR2)
			s.line("time=")
			require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
			s.kill(syscall.SIGTERM)
			require.Equal(t, 0, s.exit(), "%s", s.output())
		})
	}
}

func TestTheOldProcessServesAgainIfTheNewOneDiesOnProbation(t *testing.T) {
	t.Parallel()
	s := serve(t, "FAULT=dies on probation", "PROBATION=20s")
	old := s.pid
	require.Empty(t, s.restart())
	s.ready()
	require.NotEqual(t, old, s.pid)
	line := s.line("time=")
	for !strings.Contains(line, "serves again") {
		line = s.line("time=")
	}
	require.Contains(t, line, "signal: killed")
	require.Equal(t, strconv.Itoa(old), s.get("/pid"))
	require.Equal(t, "ready\n", s.get("/readyz"))
	s.line(fmt.Sprintf("cron starts in %d", old))
	s.pid = old
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestAStopOnProbationStopsBoth(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=20s")
	old := s.pid
	require.Empty(t, s.restart())
	s.ready()
	heir := s.pid
	s.pid = old
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
	require.Contains(t, s.output(), fmt.Sprintf("process %d is done: <nil>", old))
	require.Contains(t, s.output(), fmt.Sprintf("process %d is done: <nil>", heir))
	require.Contains(t, s.output(), "stop together with the process that this one replaces: graceful: signal: terminated")
}

func TestWhatMustNotRunTwiceStartsWhenTheOldOneHasStoppedIt(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=50ms")
	first := s.pid
	s.kill(syscall.SIGUSR2)
	s.ready()
	s.line(fmt.Sprintf("process %d is done: <nil>", first))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
	require.Equal(t, 1, strings.Count(s.output(), fmt.Sprintf("cron starts in %d", first)))
	out := s.output()
	stops := strings.Index(out, fmt.Sprintf("cron stops in %d", first))
	starts := strings.Index(out, fmt.Sprintf("cron starts in %d", s.pid))
	require.Positive(t, stops)
	require.Greater(t, starts, stops, "%s", out)
	require.Equal(t, 1, strings.Count(out, fmt.Sprintf("cron stops in %d", s.pid)))
	ends := strings.Index(out, fmt.Sprintf("consumer ends in %d: graceful: it goes on in the process that takes this one's place", first))
	starts = strings.Index(out, fmt.Sprintf("consumer starts in %d", s.pid))
	require.Positive(t, ends)
	require.Greater(t, starts, ends, "%s", out)
}

func TestANewProgramOnDiskIsTheOneThatIsStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, program))
	s := &service{child: spawn(t, "restart", env("PROBATION=-1ns"), func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args, cmd.Dir = program, []string{"./program"}, dir
	})}
	s.ready()
	script := "#!/bin/sh\necho new program: $0\nexec " + self + "\n"
	require.NoError(t, os.WriteFile(program+".new", []byte(script), 0o755))
	require.NoError(t, os.Rename(program+".new", program))
	require.Empty(t, s.restart())
	s.line("new program: " + program)
	s.ready()
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestTheEndOfAContextEndsARestart(t *testing.T) {
	t.Parallel()
	done, cancel := context.WithCancelCause(t.Context())
	cancel(errMade)
	err := graceful.New(graceful.Options{}).Restart(done)
	require.ErrorIs(t, err, context.Canceled, "whatever else would be wrong")
	require.ErrorIs(t, err, errMade)
	s := serve(t, "FAULT=hangs")
	began := time.Now()
	client := http.Client{Timeout: 300 * time.Millisecond} // whose end is that of the request's context
	_, err = client.Post("http://"+s.addr+"/restart", "", nil)
	require.Error(t, err)
	line := s.line("restart returned ")
	require.Contains(t, line, "context canceled")
	require.Less(t, time.Since(began), patience)
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestARestartIsRefusedWhereItCanNotWork(t *testing.T) {
	t.Parallel()
	m := graceful.New(graceful.Options{})
	require.ErrorContains(t, m.Restart(t.Context()), "graceful: restart: not enabled")
	opts := quietly()
	opts.Restart.Enabled = true
	m = graceful.New(opts)
	require.ErrorContains(t, m.Restart(t.Context()), "graceful: restart: not ready yet, but new")
	m.Stop(nil)
	_, err := m.Run(t.Context())
	require.NoError(t, err)
	require.ErrorContains(t, m.Restart(t.Context()), "graceful: restart: a stop has begun")

	dir := t.TempDir()
	for name, change := range map[string]struct {
		mode os.FileMode
		want string
	}{
		"open":   {0o777, "can be written by anybody"},
		"setuid": {0o755 | os.ModeSetuid, "changes its user or group"},
		"setgid": {0o755 | os.ModeSetgid, "changes its user or group"},
		"folder": {0o755 | os.ModeDir, "is no regular file"},
		"none":   {0, "no such file"},
	} {
		path := filepath.Join(dir, name)
		switch {
		case change.mode.IsDir():
			require.NoError(t, os.Mkdir(path, 0o755))
		case change.mode != 0:
			require.NoError(t, os.WriteFile(path, nil, 0o755))
			require.NoError(t, os.Chmod(path, change.mode))
		}
		s := serve(t, "PROGRAM="+path)
		require.Contains(t, s.restart(), change.want)
		require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
		s.kill(syscall.SIGTERM)
		require.Equal(t, 0, s.exit(), "%s", s.output())
	}
}

func TestARestartIsRefusedWhileTooManyProcessesDrain(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=-1ns")
	first := s.pid
	release := underWay(t, s.addr)
	require.Empty(t, s.restart())
	s.ready()
	require.Regexp(t, fmt.Sprintf(`1 of 1 replaced processes are still there: pid %d for `, first), s.restart())
	release()
	s.replace()
	s.main() // or the signal would bring the old one back
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}
