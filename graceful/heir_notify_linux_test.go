package graceful_test

// What a service manager hears of a restart, byte for byte, and from whom: the
// kernel says who sent a message, as it tells systemd.

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/sdnotify"
)

// A hearing is what was said to a service manager.
type hearing struct {
	t     *testing.T
	conn  *net.UnixConn
	pings []int // the senders, one after another
}

func hear(t *testing.T) (h *hearing, variable string) {
	t.Helper()
	conn, variable := notifySocket(t, socketPath(t))
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		require.NoError(t, syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1))
	}))
	return &hearing{t: t, conn: conn}, variable
}

// next returns the next message, and who sent it.
func (h *hearing) next() (pid int, text string) {
	h.t.Helper()
	data, control := make([]byte, 8192), make([]byte, 256)
	n, controls, _, _, err := h.conn.ReadMsgUnix(data, control)
	require.NoError(h.t, err)
	messages, err := syscall.ParseSocketControlMessage(control[:controls])
	require.NoError(h.t, err)
	require.Len(h.t, messages, 1)
	cred, err := syscall.ParseUnixCredentials(&messages[0])
	require.NoError(h.t, err)
	return int(cred.Pid), string(data[:n])
}

// says waits for the next message that is no ping. It is to be from pid.
func (h *hearing) says(pid int, want string) {
	h.t.Helper()
	require.Equal(h.t, want, h.from(pid))
}

func (h *hearing) saysLike(pid int, want string) {
	h.t.Helper()
	require.Regexp(h.t, "^"+want+"$", h.from(pid))
}

func (h *hearing) from(pid int) string {
	h.t.Helper()
	for {
		sender, text := h.next()
		if text == "WATCHDOG=1" {
			h.pings = append(h.pings, sender)
			continue
		}
		require.Equal(h.t, pid, sender, "%q", text)
		return text
	}
}

// pinged waits for a few pings of pid in a row.
func (h *hearing) pinged(pid int) {
	h.t.Helper()
	for n := 0; n < 3; n++ {
		sender, text := h.next()
		require.Equal(h.t, "WATCHDOG=1", text)
		require.Equal(h.t, pid, sender)
	}
}

// reloads expects the beginning of a restart: the clock belongs to it.
func (h *hearing) reloads(pid int, begin func()) {
	h.t.Helper()
	before, ok := sdnotify.Monotonic()
	require.True(h.t, ok)
	begin()
	text := h.from(pid)
	after, _ := sdnotify.Monotonic()
	rest, ok := strings.CutPrefix(text, "RELOADING=1\nMONOTONIC_USEC=")
	require.True(h.t, ok, "%q", text)
	number, ok := strings.CutSuffix(rest, "\nSTATUS=restarting")
	require.True(h.t, ok, "%q", text)
	usec, err := strconv.ParseInt(number, 10, 64)
	require.NoError(h.t, err)
	require.GreaterOrEqual(h.t, usec, before)
	require.LessOrEqual(h.t, usec, after)
}

// stops expects what is said at a stop.
func (h *hearing) stops(s *service) {
	h.t.Helper()
	s.kill(syscall.SIGTERM)
	h.saysLike(s.pid, `STOPPING=1\nSTATUS=stopping: graceful: signal: terminated\nEXTEND_TIMEOUT_USEC=(10000000|9\d{6})`)
	h.saysLike(s.pid, `STATUS=stopped after .*: graceful: signal: terminated; took .* of 5\.0 s\nEXTEND_TIMEOUT_USEC=5000000`)
}

func TestAServiceManagerHearsOfARestart(t *testing.T) {
	t.Parallel()
	h, variable := hear(t)
	s := serve(t, variable, "PROBATION=400ms", "WATCHDOG_USEC=100000")
	old := s.pid
	h.says(old, "READY=1")
	h.pinged(old)
	h.reloads(old, func() { s.kill(syscall.SIGUSR2) })
	s.ready()
	h.says(old, fmt.Sprintf("READY=1\nSTATUS=pid %d is on probation", s.pid))
	h.pings = nil
	h.says(old, fmt.Sprintf("MAINPID=%d\nSTATUS=replaced by pid %d", s.pid, s.pid))
	require.NotEmpty(t, h.pings)
	require.Equal(t, []int{old}, slices.Compact(h.pings), "the old one until then")
	h.says(s.pid, "READY=1\nWATCHDOG=1")
	h.pinged(s.pid)
	s.saw(fmt.Sprintf("process %d is done: <nil>", old))
	h.stops(s)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestAServiceManagerHearsOfARestartThatFails(t *testing.T) {
	t.Parallel()
	h, variable := hear(t)
	s := serve(t, variable, "FAULT=exits", "WATCHDOG_USEC=100000")
	h.says(s.pid, "READY=1")
	h.reloads(s.pid, func() { s.kill(syscall.SIGUSR2) })
	h.saysLike(s.pid, `READY=1\nSTATUS=restart failed: the new process, pid \d+, has ended: exit status 7`)
	h.pinged(s.pid)
	h.stops(s)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

func TestAServiceManagerHearsThatTheOldProcessServesAgain(t *testing.T) {
	t.Parallel()
	h, variable := hear(t)
	s := serve(t, variable, "FAULT=dies on probation", "PROBATION=20s", "WATCHDOG_USEC=100000")
	old := s.pid
	h.says(old, "READY=1")
	h.reloads(old, func() { s.kill(syscall.SIGUSR2) })
	s.ready()
	h.says(old, fmt.Sprintf("READY=1\nSTATUS=pid %d is on probation", s.pid))
	h.says(old, fmt.Sprintf("READY=1\nSTATUS=pid %d has ended on probation (signal: killed)", s.pid))
	h.pinged(old)
	require.Equal(t, []int{old}, slices.Compact(h.pings), "the other one had nothing to say")
	s.pid = old
	h.stops(s)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}

// It was said to be the main one already.
func TestAServiceManagerHearsThatTheOldProcessIsTheMainOneAgain(t *testing.T) {
	t.Parallel()
	h, variable := hear(t)
	f := raise(t, "main", "new", syscall.SIGKILL, variable, "PROBATION=100ms")
	old := f.pid
	h.says(old, "READY=1")
	h.reloads(old, func() { f.kill(syscall.SIGUSR2) })
	f.ready()
	h.says(old, fmt.Sprintf("READY=1\nSTATUS=pid %d is on probation", f.pid))
	if text := h.from(old); strings.HasPrefix(text, "MAINPID=") { // it may be known that it is dead
		require.Equal(t, fmt.Sprintf("MAINPID=%d\nSTATUS=replaced by pid %d", f.pid, f.pid), text)
		h.says(old, fmt.Sprintf("MAINPID=%d", old))
		h.says(old, fmt.Sprintf("READY=1\nSTATUS=pid %d has ended on probation (signal: killed)", f.pid))
	} else {
		require.Equal(t, fmt.Sprintf("READY=1\nSTATUS=pid %d has ended on probation (signal: killed)", f.pid), text)
	}
	f.alone(old)
	h.stops(f.service)
	f.over()
}

// A stop that comes during a restart is the last word.
func TestAServiceManagerHearsOfAStopDuringARestart(t *testing.T) {
	t.Parallel()
	h, variable := hear(t)
	s := serve(t, variable, "FAULT=hangs")
	h.says(s.pid, "READY=1")
	h.reloads(s.pid, func() { s.kill(syscall.SIGUSR2) })
	h.stops(s)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}
