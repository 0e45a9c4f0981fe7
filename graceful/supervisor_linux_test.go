package graceful_test

// What only Linux has: a process of number 1 that isn't the machine's, and a
// pipe with a name in the place of a file.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

	"github.com/belay-go/belay/graceful"
)

func init() { plays["pid1"] = playPID1 }

// playPID1 says its number, and in which order it stops.
func playPID1(string) int {
	saying := func(name string) graceful.Component {
		return graceful.Component{Name: name, Stop: func(context.Context) error {
			say("stopped %s", name)
			return nil
		}}
	}
	m := graceful.New(graceful.Options{Logger: slog.New(slog.DiscardHandler)})
	m.Add(1, saying("below"))
	m.Add(2, saying("above"), graceful.Component{Name: "number", Start: func(context.Context) error {
		say("started %d", os.Getpid())
		return nil
	}})
	report, _ := m.Run(context.Background())
	return report.ExitCode()
}

// asInit makes a child the first process of a PID namespace of its own, as in
// a container. Without the rights for that it takes a user namespace, too.
func asInit(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	}
}

// capSysAdmin is the number of the capability that a PID namespace takes.
const capSysAdmin = 21

// mayUnshare tells whether this process has the capability.
func mayUnshare(t *testing.T) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(status), "CapEff:")
	require.True(t, found)
	caps, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
	require.NoError(t, err)
	return caps&(1<<capSysAdmin) != 0
}

// mayBeInit tells whether a child can be PID 1. A machine that forbids it can't
// say how that goes. It must be the machine, though: then what is left to see is
// that the same child does the same things under any other number.
func mayBeInit(t *testing.T) bool {
	t.Helper()
	probe := exec.Command(os.Args[0], "-test.run=^$")
	asInit(probe)
	err := probe.Run()
	if err == nil {
		return true
	}
	errno, refused := errors.AsType[syscall.Errno](err)
	require.True(t, refused, "%v", err)
	require.Contains(t, []syscall.Errno{syscall.EPERM, syscall.ENOSPC}, errno)
	require.False(t, mayUnshare(t), "it has the rights to")
	t.Log("no PID namespace for want of rights: not PID 1")
	return false
}

// As PID 1 there is no default for a signal that nobody has asked for, the
// parent is 0, and whatever else runs dies with it.
func TestASignalStopsAProcessThatIsPID1InOrder(t *testing.T) {
	t.Parallel()
	as, first := asInit, true
	if !mayBeInit(t) {
		as, first = func(*exec.Cmd) {}, false
	}
	conn, variable := notifySocket(t, socketPath(t))
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		c := spawn(t, "pid1", as, env(variable))
		number := c.cmd.Process.Pid
		if first {
			number = 1
		}
		require.Equal(t, fmt.Sprint("started ", number), c.line("started "))
		require.Equal(t, "READY=1", message(t, conn))
		c.signal(sig)
		require.Equal(t, 0, c.exit(), "%s", c.output())
		require.Contains(t, c.output(), "stopped above\nstopped below\n")
		require.Contains(t, message(t, conn), "STOPPING=1\n")
		require.Contains(t, message(t, conn), "STATUS=stopped ")
	}
}

func TestAMessageLeavesNoDescriptorOpen(t *testing.T) {
	t.Parallel()
	addr := socketPath(t)
	conn, _ := notifySocket(t, addr)
	const messages = 1000
	before := descriptors("self")
	for range messages {
		require.NoError(t, graceful.SendNotice(addr, "x"))
		require.Equal(t, "x", message(t, conn))
	}
	require.Less(t, descriptors("self"), before+messages/2, "beside what other tests open")
}

func TestAProcessThatIsStartedMeanwhileGetsNoSocketOfAMessage(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	var sender sync.WaitGroup
	sender.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = graceful.SendNotice("/nonexistent/socket", "x") // opens one all the same
			}
		}
	})
	defer sender.Wait()
	defer close(stop)
	for range 30 {
		links, err := exec.Command("sh", "-c", "readlink /proc/$$/fd/*").CombinedOutput()
		require.NotEmpty(t, links, "%v", err) // one that is sh's own is gone by then
		require.NotContains(t, string(links), "socket:")
	}
}

func TestAPipeInPlaceOfTheTerminationLogHoldsUpNothing(t *testing.T) {
	t.Parallel()
	for _, reader := range []bool{false, true} {
		pipe := filepath.Join(t.TempDir(), "pipe")
		require.NoError(t, syscall.Mkfifo(pipe, 0o600))
		if reader {
			f, err := os.OpenFile(pipe, os.O_RDWR, 0)
			require.NoError(t, err)
			t.Cleanup(func() { _ = f.Close() })
		}
		opts := quietlyWithin(time.Second)
		opts.TerminationLog = pipe
		m := graceful.New(opts)
		m.Add(1, graceful.Component{Name: "bad", Start: func(context.Context) error { return errMade }})
		ended := make(chan struct{})
		go func() { // ends with Run
			defer close(ended)
			_, _ = m.Run(t.Context())
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			require.FailNow(t, "Run waits for the other end of a pipe")
		}
	}
}

// The end of PID 1 is that of the container, whoever else is there.
func TestARestartOfPID1SaysWhatToDoInstead(t *testing.T) {
	t.Parallel()
	if !mayBeInit(t) {
		return
	}
	c := spawn(t, "restart", asInit)
	fields := strings.Fields(c.line("ready "))
	require.Equal(t, "1", fields[2])
	s := &service{child: c} // whose pid is ours to send nothing to
	s.addr = fields[1]
	const why = "graceful: restart: process 1 can't be replaced, since its end ends the container; start the service below belay-run, which can"
	require.Equal(t, why, s.restart())
	c.signal(syscall.SIGUSR2)
	line := ""
	for !strings.Contains(line, "restart failed") {
		line = c.line("time=")
	}
	require.Contains(t, line, "belay-run")
	require.Equal(t, "1", s.get("/pid"))
	require.Equal(t, "ready\n", s.get("/readyz"))
	c.signal(syscall.SIGTERM)
	require.Equal(t, 0, c.exit(), "%s", c.output())
}
