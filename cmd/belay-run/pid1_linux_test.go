package main

// As process 1 of a container, and what belay-run costs.

import (
	"debug/elf"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asInit makes a child the first process of a PID namespace of its own, as in a
// container. Without the rights for that it takes a user namespace, too.
func asInit(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	}
}

// needInit skips the test where a child can't be process 1.
func needInit(t *testing.T) {
	t.Helper()
	probe := exec.Command(os.Args[0], "-test.run=^$")
	asInit(probe)
	if err := probe.Run(); err != nil {
		_, refused := errors.AsType[syscall.Errno](err)
		require.True(t, refused, "%v", err)
		t.Skip("no PID namespace for want of rights")
	}
}

func TestAsProcessOneItRestartsStopsAndReaps(t *testing.T) {
	needInit(t)
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		r := begin(t, append(onLoopback(), serverArgs("orphans")...), asInit)
		s := r.ready()
		require.Equal(t, 1, s.PID)
		first := serving(s, "current").PID
		require.Equal(t, first, r.pid(), "its number in there")
		r.signal(syscall.SIGHUP)
		r.becomes(func(s *status) bool { return s.Restarts == 1 && len(s.Servers) == 1 })
		second := r.pid()
		require.NotEqual(t, first, second)
		r.signal(syscall.SIGUSR1)
		r.says("got " + syscall.SIGUSR1.String())
		until(t, func() bool { return len(childrenOf(r.cmd.Process.Pid)) == 1 }, "zombies: %v", childrenOf(r.cmd.Process.Pid))
		r.signal(sig)
		require.Equal(t, 0, r.exit(), "%s", &r.log)
		require.Contains(t, r.log.String(), "msg=stopped")
	}
}

func TestTheEndOfProcessOneEndsEverything(t *testing.T) {
	needInit(t)
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs("leaves=sleeper")...), asInit)
	r.ready()
	addr := r.addr("listen")
	r.signal(syscall.SIGKILL)
	<-r.ended
	until(t, func() bool { return refused(addr) })
}

// childrenOf are those that nobody has waited for, zombies too.
func childrenOf(pid int) []string {
	var found []string
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range tasks {
		text, _ := os.ReadFile(path)
		found = append(found, strings.Fields(string(text))...)
	}
	return found
}

func TestNoRestartLeavesADescriptorOrAZombieBehind(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback("-probation", "0s"), serverArgs("orphans")...))
	r.ready()
	pid := r.cmd.Process.Pid
	count := func() int {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		return len(links)
	}
	settled := func(s *status) bool { return len(s.Servers) == 1 }
	r.does("restart") // whatever is made only once
	r.becomes(settled)
	before := count()
	for range 20 {
		r.does("restart")
	}
	r.becomes(settled)
	until(t, func() bool { return count() <= before }, "descriptors: %d before", before)
	until(t, func() bool { return len(childrenOf(pid)) == 1 })
	left, err := os.ReadDir(filepath.Join(r.base, "x"))
	require.NoError(t, err)
	require.Len(t, left, 2, "the control socket, and one for a server: %v", left)
	r.stop()
}

// built is the program as it is shipped.
func built(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes a build")
	}
	path := filepath.Join(t.TempDir(), "belay-run")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

func TestTheProgramIsStaticAndItsMemoryIsBounded(t *testing.T) {
	path := built(t)
	t.Parallel()
	program, err := elf.Open(path)
	require.NoError(t, err)
	for _, part := range program.Progs {
		require.NotEqual(t, elf.PT_INTERP, part.Type, "it needs a loader")
	}
	require.NoError(t, program.Close())
	r := begin(t, append(onLoopback("-probation", "0s"), serverArgs()...), func(cmd *exec.Cmd) { cmd.Path = path })
	r.ready()
	addr := r.addr("listen")
	for range 30 { // what goes by is none of its business
		r.does("restart")
		var open []net.Conn
		for range 20 {
			conn, err := net.DialTimeout("tcp", addr, patience)
			require.NoError(t, err)
			open = append(open, conn)
		}
		for _, conn := range open {
			require.NoError(t, conn.Close())
		}
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "VmHWM:")
	require.True(t, found)
	most, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	t.Logf("at most %d kB resident", most)
	require.Less(t, most, 10<<10, "kB")
	r.stop()
}

// It never accepts one: there is no descriptor for them, and so nothing else.
func TestConnectionsCostNothing(t *testing.T) {
	t.Parallel()
	r := begin(t, []string{"-listen", "127.0.0.1:0", "--", os.Args[0], "play:server"})
	r.ready()
	addr := r.addr("listen")
	descriptors := func() int {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", r.cmd.Process.Pid))
		return len(links)
	}
	before := descriptors()
	for range 200 {
		conn, err := net.DialTimeout("tcp", addr, patience)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(patience))
	}
	require.NotZero(t, r.pid(), "whose connection is the last in the queue: the server has accepted all the others, and waits for them in a stop")
	require.LessOrEqual(t, descriptors(), before)
	r.signal(syscall.SIGINT)
	r.becomes(func(s *status) bool { return s.State == "stopping" })
	wait(echoTime)
	r.signal(syscall.SIGINT)
	r.exit()
}
