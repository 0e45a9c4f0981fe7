package graceful_test

// What restarts leave behind: in the environment and the descriptors of
// unrelated children, and in a process that has seen many of them.

import (
	"errors"
	"fmt"
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
)

func init() {
	lookInside = func(mux *http.ServeMux) {
		run := func(name string, args ...string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				out, _ := exec.Command(name, args...).CombinedOutput() // also if some of it failed
				_, _ = w.Write(out)
			}
		}
		mux.HandleFunc("GET /env", run("env"))
		mux.HandleFunc("GET /links", run("sh", "-c", "readlink /proc/$$/fd/*"))
		mux.HandleFunc("GET /goroutines", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, runtime.NumGoroutine()) })
	}
}

// clean demands that a child of the service's gets nothing that is not its own.
func (s *service) clean() {
	s.t.Helper()
	env := s.get("/env")
	require.Contains(s.t, env, "PATH=")
	for _, name := range []string{"LISTEN_", "BELAY_PARENT=", "NOTIFY_SOCKET=", "WATCHDOG_"} {
		require.NotContains(s.t, env, name)
	}
	links := s.get("/links")
	require.NotEmpty(s.t, links)
	require.NotContains(s.t, links, "socket:")
}

func TestAChildOfAProcessThatWasReplacedOrReplacesGetsNothingOfTheRestart(t *testing.T) {
	t.Parallel()
	_, variable := notifySocket(t, socketPath(t))
	s := serve(t, "PROBATION=20s", variable, "WATCHDOG_USEC=20000000")
	s.clean()
	old := *s
	conn := dial(t, s.addr) // stays with the old process
	_, err := fmt.Fprint(conn, "GET /slow?d=0s HTTP/1.1\r\nHost: test\r\n\r\n")
	require.NoError(t, err)
	require.Empty(t, s.restart())
	s.ready()
	s.clean()
	require.NoError(t, syscall.Kill(s.pid, syscall.SIGKILL))
	s.line(fmt.Sprintf("cron starts in %d", old.pid))
	s.pid = old.pid
	s.clean()
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

// In a shell, $$ is the number that the program has after exec.
func shell(script string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		self := cmd.Path
		cmd.Path, _ = exec.LookPath("sh")
		cmd.Args = []string{"sh", "-c", script, self}
	}
}

func TestVariablesThatAreMeantForAnotherProcessAreDropped(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"another pid":      `LISTEN_FDS=1 LISTEN_PID=1 exec "$0"`,
		"no pid":           `LISTEN_FDS=1 LISTEN_FDNAMES=http exec "$0"`,
		"garbage":          `LISTEN_FDS=three LISTEN_PID=$$ exec "$0"`,
		"too many":         `LISTEN_FDS=99999999999999999999 LISTEN_PID=$$ exec "$0"`,
		"fewer than none":  `LISTEN_FDS=-1 LISTEN_PID=$$ exec "$0"`,
		"not there":        `LISTEN_FDS=3 LISTEN_PID=$$ exec "$0"`,
		"no socket":        `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" 3</dev/null`,
		"another parent":   `BELAY_PARENT=1 LISTEN_FDS=1 exec "$0"`,
		"parent's garbage": `BELAY_PARENT=one LISTEN_FDS=1 exec "$0"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{child: spawn(t, "restart", env("PROBATION=-1ns"), shell(script))}
			s.ready()
			require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
			s.clean()
			s.replace()
			s.main() // or the signal would bring the old one back
			s.kill(syscall.SIGTERM)
			require.Equal(t, 0, s.exit(), "%s", s.output())
		})
	}
}

// It has the variables and the descriptors, but the old process waits for the
// end of another one, which would not be its own.
func TestAProcessThatTheNewOneStartsTakesNothingOfTheRestart(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "program")
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"+self+"\nexit 9\n"), 0o755))
	s := serve(t, "PROGRAM="+program)
	require.Contains(t, s.restart(), "has ended: exit status 9")
	s.saw("it was meant for a process between the old one and this one")
	require.NotContains(t, s.output(), "graceful: taking the place")
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	require.Equal(t, 1, strings.Count(s.output(), "cron starts"))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

// blocking returns the sockets of a process that block.
func blocking(t *testing.T, pid int) (links []string, all int) {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	for _, fd := range fds {
		link, _ := os.Readlink(fd)
		if !strings.HasPrefix(link, "socket:") {
			continue
		}
		info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, filepath.Base(fd)))
		if errors.Is(err, os.ErrNotExist) {
			continue // it was that of a request
		}
		require.NoError(t, err)
		all++
		_, text, _ := strings.Cut(string(info), "flags:")
		flags, err := strconv.ParseInt(strings.Fields(text)[0], 8, 64)
		require.NoError(t, err)
		if flags&syscall.O_NONBLOCK == 0 {
			links = append(links, link)
		}
	}
	return links, all
}

func TestTheSocketsOfAnOldProcessDoNotBlockAfterARestart(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"fails", "dies on probation"} {
		s := serve(t, "FAULT="+fault, "PROBATION=20s")
		why := s.restart()
		if fault == "fails" {
			require.NotEmpty(t, why)
		} else {
			require.Empty(t, why)
			s.ready()
			s.line(fmt.Sprintf("cron starts in %d", s.cmd.Process.Pid))
			s.pid = s.cmd.Process.Pid
		}
		links, all := blocking(t, s.pid)
		require.NotZero(t, all)
		require.Empty(t, links)
		s.kill(syscall.SIGTERM)
		require.Equal(t, 0, s.exit(), "%s", s.output())
		require.Regexp(t, `(?m)^  http +stopped `, s.output(), "Accept has returned")
	}
}

// An inside is what a process has.
type inside struct{ descriptors, goroutines, zombies, kilobytes int }

// look waits until a process has no more than before.
func (s *service) look(before *inside) (now inside) {
	s.t.Helper()
	for limit := time.Now().Add(patience); ; wait(10 * time.Millisecond) {
		now = inside{descriptors: descriptors(strconv.Itoa(s.pid)), zombies: zombies(s.pid)}
		now.goroutines, _ = strconv.Atoi(s.get("/goroutines"))
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
		if _, text, ok := strings.Cut(string(status), "VmRSS:"); ok {
			now.kilobytes, _ = strconv.Atoi(strings.Fields(text)[0])
		}
		if before == nil || now.descriptors <= before.descriptors && now.goroutines <= before.goroutines && now.zombies == 0 {
			return now
		}
		require.True(s.t, time.Now().Before(limit), "%+v, and before %+v", now, *before)
	}
}

// zombies counts the children of a process that nobody has waited for.
func zombies(pid int) (n int) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		stat, _ := os.ReadFile(path)
		if i := strings.LastIndexByte(string(stat), ')'); i >= 0 {
			fields := strings.Fields(string(stat[i+1:]))
			if fields[0] == "Z" && fields[1] == strconv.Itoa(pid) {
				n++
			}
		}
	}
	return n
}

func TestFiftyRestartsThatFailLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "program")
	script := "#!/bin/sh\nexit 3\n"
	require.NoError(t, os.WriteFile(program, []byte(script), 0o755))
	s := serve(t, "PROGRAM="+program, "LIMIT=200ms")
	fails := func() { // on a busy machine it may take a shell that long to come to its end
		require.Regexp(t, "exit status 3|was not ready within 200ms", s.restart())
	}
	for range 5 { // what is made once is made
		fails()
	}
	before := s.look(nil)
	for i := range 50 {
		switch i % 10 {
		case 7:
			require.NoError(t, os.Chmod(program, 0o644))
			require.Contains(t, s.restart(), "permission denied")
			require.NoError(t, os.Chmod(program, 0o755))
		case 8:
			require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\nexec sleep 100\n"), 0o755))
			require.Contains(t, s.restart(), "was not ready within 200ms")
			require.NoError(t, os.WriteFile(program, []byte(script), 0o755))
		case 9:
			require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho what >&4\nexec sleep 100\n"), 0o755))
			require.NotEmpty(t, s.restart())
			require.NoError(t, os.WriteFile(program, []byte(script), 0o755))
		default:
			fails()
		}
	}
	require.Contains(t, s.output(), "exit status 3")
	after := s.look(&before)
	require.Less(t, after.kilobytes, before.kilobytes+16<<10, "%+v, and before %+v", after, before)
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestThirtyRestartsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	s := serve(t, "PROBATION=-1ns")
	var before inside
	for i := range 31 {
		old := s.pid
		s.replace()
		s.saw(fmt.Sprintf("process %d is done: <nil>", old))
		if i == 0 {
			before = s.look(nil)
		}
	}
	after := s.look(&before)
	require.Less(t, after.kilobytes, before.kilobytes+16<<10, "%+v, and before %+v", after, before)
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}
