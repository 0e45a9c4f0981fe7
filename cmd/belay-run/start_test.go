//go:build unix

package main

// The start of a server: what it is given, and nothing else.

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whether a socket blocks is the same for all who have it: a start that changed
// it would have the old server wait in accept when it is told to stop.
func TestAStartLeavesTheSocketsInTheModeThatTheServersHaveChosen(t *testing.T) {
	s := socket{name: "listen", network: "tcp", addr: "127.0.0.1:0"}
	require.NoError(t, s.open())
	defer s.close()
	require.NoError(t, syscall.SetNonblock(int(s.fd), true)) // as a server does
	st := &starter{self: os.Args[0], command: []string{"true"}, sockets: []socket{s}}
	pid, err := st.start("/nonexistent")
	require.NoError(t, err)
	_, err = syscall.Wait4(pid, nil, 0, nil)
	require.NoError(t, err)
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, s.fd, syscall.F_GETFL, 0)
	require.Zero(t, errno)
	require.NotZero(t, flags&syscall.O_NONBLOCK)
}

func TestAServerIsGivenItsSocketsAndNothingThatIsForOthers(t *testing.T) {
	t.Parallel()
	_, addr := serviceManager(t)
	r := begin(t, append([]string{"-listen", "127.0.0.1:0", "-listen", "other=udp:127.0.0.1:0"}, serverArgs()...),
		withEnv("NOTIFY_SOCKET="+addr, "WATCHDOG_USEC=60000000", "LISTEN_FDS=7", "LISTEN_PID=1", "LISTEN_FDNAMES=a:b", "BELAY_PARENT=3", "KEPT=yes"))
	r.ready()
	pid := r.pid()
	require.Equal(t, "2", r.get("env LISTEN_FDS"))
	require.Equal(t, "listen:other", r.get("env LISTEN_FDNAMES"))
	require.Equal(t, strconv.Itoa(pid), r.get("env LISTEN_PID"))
	require.Equal(t, "yes", r.get("env KEPT"))
	environ := r.get("environ")
	for _, name := range []string{"WATCHDOG_USEC=", "BELAY_PARENT=", jump + "=", addr} {
		require.NotContains(t, environ, name)
	}
	require.Equal(t, 1, strings.Count(environ, "LISTEN_PID="))
	if _, err := os.Stat("/proc/self"); err == nil {
		shared := 0
		ours, held := sockets("self"), sockets(strconv.Itoa(r.cmd.Process.Pid))
		for socket := range sockets(strconv.Itoa(pid)) {
			if held[socket] && !ours[socket] { // that one is of whoever runs the tests
				shared++
			}
		}
		require.Equal(t, 2, shared)
	}
	r.stop()
}

// sockets are those that a process has, by their inodes.
func sockets(pid string) map[string]bool {
	found := map[string]bool{}
	links, _ := filepath.Glob("/proc/" + pid + "/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "socket:") {
			found[to] = true
		}
	}
	return found
}

func TestAServerWithoutSocketsIsGivenNone(t *testing.T) {
	t.Parallel()
	r := begin(t, []string{"--", "sh", "-c", `echo "fds=$LISTEN_FDS pid=$LISTEN_PID jump=$BELAY_RUN_COMMAND"; exec ` + os.Args[0] + ` play:server`})
	r.ready()
	r.says("fds= pid= jump=\n")
	r.stop()
}

func TestACommandIsLookedUpInThePathAtEachStart(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	script := func(dir, text string) {
		body := "#!/bin/sh\necho " + text + "\nexec " + os.Args[0] + " play:server\n"
		require.NoError(t, os.WriteFile(dir+"/the-server", []byte(body), 0o700))
	}
	script(second, "it is the second")
	r := begin(t, []string{"-probation", "0s", "--", "the-server"}, withEnv("PATH="+first+":"+second+":"+os.Getenv("PATH")))
	r.ready()
	script(first, "it is the first")
	r.does("restart")
	r.says("it is the second\n")
	r.says("it is the first\n")
	r.stop()
}

func TestAProgramThatIsNoneEndsTheStartWithItsReason(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/broken"
	require.NoError(t, os.WriteFile(path, []byte("\x7fELF no"), 0o700))
	r := begin(t, []string{"--", path})
	require.Equal(t, 1, r.exit())
	require.Contains(t, r.log.String(), "belay-run: "+path+": exec format error")
	require.Contains(t, r.log.String(), `status="exit status 127"`)
}

func TestSignalsArePassedOn(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs()...))
	r.ready()
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT, syscall.SIGWINCH} {
		r.signal(sig)
		r.says("got " + sig.String())
	}
	r.stop()
}

// What a terminal sends twice counts once, if it is for us; a server may well
// count what is for it.
func TestASignalThatIsPassedOnTwiceComesTwice(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs()...))
	r.ready()
	r.signal(syscall.SIGUSR1)
	r.says("got " + syscall.SIGUSR1.String())
	r.signal(syscall.SIGUSR1) // well within the time of an echo
	until(t, func() bool { return strings.Count(r.log.String(), "got "+syscall.SIGUSR1.String()) == 2 })
	r.stop()
}
