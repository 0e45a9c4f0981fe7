//go:build unix

package main

// How a server is started: through this program, which only there can know the
// pid that LISTEN_PID has to have.

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// The environment of a start. jump marks the process that is to become the server.
const (
	jump      = "BELAY_RUN_COMMAND"
	listenPID = "LISTEN_PID"
)

// trampoline becomes the server, if this process was started for that: the same
// pid, another program. It returns only if that fails.
func trampoline() (ran bool, code int) {
	path := os.Getenv(jump)
	if path == "" || len(os.Args) < 1 {
		return false, 0
	}
	_ = os.Unsetenv(jump) // can't fail for such a name
	if os.Getenv("LISTEN_FDS") != "" {
		_ = os.Setenv(listenPID, strconv.Itoa(os.Getpid()))
	}
	err := syscall.Exec(path, os.Args, os.Environ())
	fmt.Fprintf(os.Stderr, "belay-run: %s: %v\n", path, err)
	return true, 127
}

// starter starts servers.
type starter struct {
	self    string // this program
	command []string
	sockets []socket
}

// start starts a server that says what it has to say at notify.
func (s *starter) start(notify string) (pid int, err error) {
	path, err := exec.LookPath(s.command[0]) // as it is by now
	if err != nil {
		return 0, err
	}
	var names []string
	files := []uintptr{0, 1, 2}
	for i := range s.sockets {
		names = append(names, s.sockets[i].name)
		files = append(files, s.sockets[i].fd)
	}
	env := without(os.Environ(), "LISTEN_FDS", "LISTEN_FDNAMES", listenPID, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "BELAY_PARENT")
	env = append(env, jump+"="+path, "NOTIFY_SOCKET="+notify)
	if len(names) > 0 {
		env = append(env, "LISTEN_FDS="+strconv.Itoa(len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	return syscall.ForkExec(s.self, s.command, &syscall.ProcAttr{Env: env, Files: files, Sys: tied()})
}

func without(env []string, names ...string) (kept []string) {
next:
	for _, v := range env {
		for _, name := range names {
			if strings.HasPrefix(v, name+"=") {
				continue next
			}
		}
		kept = append(kept, v)
	}
	return kept
}
