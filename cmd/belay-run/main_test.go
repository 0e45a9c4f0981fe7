//go:build unix

package main

// Real processes: the test binary plays belay-run, the servers below it and, where
// they are absent, strangers.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// playEnv has the test binary play belay-run instead of testing.
const playEnv = "BELAY_RUN_TEST"

// patience bounds every wait for a real process or socket.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if ran, code := trampoline(); ran {
		os.Exit(code)
	}
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "play:") {
		os.Exit(play(strings.TrimPrefix(os.Args[1], "play:"), os.Args[2:]))
	}
	if os.Getenv(playEnv) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"} {
		_ = os.Unsetenv(name) // of whoever runs the tests
	}
	os.Exit(m.Run())
}

// wait is the time between two looks.
func wait(d time.Duration) { <-time.After(d) }

// until waits for something to be so.
func until(t *testing.T, what func() bool, why ...any) {
	t.Helper()
	for deadline := time.Now().Add(patience); !what(); wait(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(t, "it never came to that", why...)
		}
	}
}

// output is what a process has written so far.
type output struct {
	mu struct {
		sync.Mutex
		b bytes.Buffer
	}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.b.String()
}

// shortDir is a folder with a path that leaves room for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "br")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// runner is a belay-run that runs.
type runner struct {
	t     *testing.T
	cmd   *exec.Cmd
	base  string // its XDG_RUNTIME_DIR
	log   output
	ended chan struct{}
}

// asPlayed makes a command that belongs to a folder of its own.
func asPlayed(base string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), playEnv+"=1", "XDG_RUNTIME_DIR="+base, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// begin starts belay-run with those arguments; the last ones are the server's.
func begin(t *testing.T, args []string, changes ...func(*exec.Cmd)) *runner {
	t.Helper()
	return beginIn(t, shortDir(t), args, changes...)
}

func beginIn(t *testing.T, base string, args []string, changes ...func(*exec.Cmd)) *runner {
	t.Helper()
	r := &runner{t: t, base: base, ended: make(chan struct{})}
	r.cmd = asPlayed(base, append([]string{"-name", "x"}, args...)...)
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	r.cmd.WaitDelay = patience // for what servers leave open
	for _, change := range changes {
		change(r.cmd)
	}
	require.NoError(t, r.cmd.Start())
	go func() { // ends with the process
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Signal(syscall.SIGINT) // ends what it has started, too
		select {
		case <-r.ended:
		case <-time.After(patience):
		}
		_ = r.cmd.Process.Kill()
		<-r.ended
		if t.Failed() {
			for line := range strings.Lines(r.log.String()) {
				if !strings.Contains(line, "verb=status") {
					t.Log(strings.TrimSpace(line))
				}
			}
		}
	})
	return r
}

// serverArgs is a server that the test binary plays, with its arguments.
func serverArgs(args ...string) []string {
	return append([]string{"--", os.Args[0], "play:server"}, args...)
}

// control is the path of its control socket.
func (r *runner) control() string { return filepath.Join(r.base, "x", controlName) }

// ask sends a line to the control socket.
func (r *runner) ask(verb string) (reply, error) {
	var answer reply
	conn, err := net.DialTimeout("unix", r.control(), patience)
	if err != nil {
		return answer, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, verb+"\n"); err != nil {
		return answer, err
	}
	return answer, json.NewDecoder(conn).Decode(&answer)
}

// does asks for something that is to go well.
func (r *runner) does(verb string) {
	r.t.Helper()
	answer, err := r.ask(verb)
	require.NoError(r.t, err, "%s", &r.log)
	require.Empty(r.t, answer.Error, "%s", &r.log)
}

func (r *runner) status() *status {
	r.t.Helper()
	answer, err := r.ask("status")
	require.NoError(r.t, err, "%s", &r.log)
	return answer.Status
}

// becomes waits for a status.
func (r *runner) becomes(what func(*status) bool) *status {
	r.t.Helper()
	var last *status
	until(r.t, func() bool {
		answer, err := r.ask("status")
		last = answer.Status
		return err == nil && what(last)
	}, "%+v\n%s", last, &r.log)
	return last
}

// ready waits until all serve.
func (r *runner) ready() *status {
	r.t.Helper()
	return r.becomes(func(s *status) bool { return s.State == "ready" })
}

// serving is the server in a role, of the first slot.
func serving(s *status, role string) serverStatus {
	for _, server := range s.Servers {
		if server.Role == role {
			return server
		}
	}
	return serverStatus{}
}

// says waits for a text in the log.
func (r *runner) says(text string) {
	r.t.Helper()
	until(r.t, func() bool { return strings.Contains(r.log.String(), text) }, "%q is not in\n%s", text, &r.log)
}

func (r *runner) signal(sig syscall.Signal) {
	r.t.Helper()
	require.NoError(r.t, r.cmd.Process.Signal(sig))
}

// exit waits for the end and returns the code.
func (r *runner) exit() int {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		require.FailNow(r.t, "it does not end", "%s", &r.log)
	}
	return r.cmd.ProcessState.ExitCode()
}

// stop stops it; that is to be clean.
func (r *runner) stop() {
	r.t.Helper()
	r.signal(syscall.SIGTERM)
	require.Equal(r.t, 0, r.exit(), "%s", &r.log)
}

// addr is where a socket is bound.
func (r *runner) addr(name string) string {
	r.t.Helper()
	var found string
	r.becomes(func(s *status) bool {
		for _, socket := range s.Sockets {
			if socket.Name == name {
				found = socket.Addr
			}
		}
		return true
	})
	require.NotEmpty(r.t, found)
	return found
}

// get is the answer of whoever accepts at a socket of TCP or Unix, to one line.
func get(network, addr, what string) (string, error) {
	conn, err := net.DialTimeout(network, addr, patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, what+"\n"); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

func (r *runner) get(what string) string {
	r.t.Helper()
	answer, err := get("tcp", r.addr("listen"), what)
	require.NoError(r.t, err, "%s", &r.log)
	return answer
}

// pid is the one who accepts.
func (r *runner) pid() int {
	r.t.Helper()
	pid, err := strconv.Atoi(r.get("pid"))
	require.NoError(r.t, err)
	return pid
}

// alive tells whether a process runs; one that nobody has waited for doesn't.
func alive(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

// gone waits for the end of a server, which accepts until it has heard of it.
func (r *runner) gone(pid int) {
	r.t.Helper()
	until(r.t, func() bool { return !alive(pid) }, "%d lives\n%s", pid, &r.log)
}

// refused tells whether nobody listens.
func refused(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func withStderr(f *os.File) func(*exec.Cmd) { return func(cmd *exec.Cmd) { cmd.Stderr = f } }

func withEnv(vars ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, vars...) }
}
