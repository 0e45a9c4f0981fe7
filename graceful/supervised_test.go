package graceful_test

// What a service manager is told by a real process through a real socket, also
// by one that is killed, and if nobody reads it.

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// notifySocket is a socket as systemd's, and how it stands in NOTIFY_SOCKET.
func notifySocket(t *testing.T, addr string) (*net.UnixConn, string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: addr, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn, "NOTIFY_SOCKET=" + addr
}

// socketPath is a path that is short enough for a socket.
func socketPath(t *testing.T) string {
	dir, err := os.MkdirTemp("", "n")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// message waits for the next one.
func message(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	text := make([]byte, 8192)
	n, err := conn.Read(text)
	require.NoError(t, err)
	return string(text[:n])
}

func init() { plays["supervised"] = playSupervised }

// playSupervised has a consumer that does not stop, and leaves its last words
// in a file. With a delay instead of one, it has a server and no consumer.
func playSupervised(file string) int {
	opts := graceful.Options{Logger: slog.New(slog.NewTextHandler(os.Stdout, nil)), Budget: 2 * time.Second, TerminationLog: file}
	if delay, err := time.ParseDuration(file); err == nil {
		opts.Delay, opts.TerminationLog = delay, "-"
	}
	m := graceful.New(opts)
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: handler()}))
	if opts.Delay == 0 {
		m.Add(2, stuck("consumer"))
	}
	m.Add(3, graceful.Component{Name: "say", Start: func(context.Context) error { say("ready %s", m.Addr("http")); return nil }})
	report, _ := m.Run(context.Background())
	return report.ExitCode()
}

func TestADelayOfTheStopAsksForItsTimeToo(t *testing.T) {
	t.Parallel()
	conn, variable := notifySocket(t, socketPath(t))
	c := start(t, "supervised:1s", env(variable))
	require.Equal(t, "READY=1", message(t, conn)) // or there would be no delay
	c.signal(syscall.SIGTERM)
	require.Contains(t, message(t, conn), "STOPPING=1\n")
	require.Regexp(t, `^EXTEND_TIMEOUT_USEC=[56]\d{6}$`, message(t, conn), "nobody is late yet")
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestAServiceManagerIsToldByARealProcess(t *testing.T) {
	t.Parallel()
	abstract := "@graceful-test-" + fmt.Sprint(os.Getpid())
	for _, addr := range []string{socketPath(t), abstract} {
		conn, variable := notifySocket(t, addr)
		c := start(t, "http", env(variable))
		require.Equal(t, "READY=1", message(t, conn))
		resp, err := http.Get("http://" + c.addr + "/readyz")
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		c.signal(syscall.SIGTERM)
		require.Regexp(t, `^STOPPING=1\nSTATUS=stopping: graceful: signal: terminated\nEXTEND_TIMEOUT_USEC=(30000000|29\d{6})$`, message(t, conn))
		require.Equal(t, 0, c.exit(), "%s", c.output())
		require.Regexp(t, `^STATUS=stopped after .*\nEXTEND_TIMEOUT_USEC=5000000$`, message(t, conn))
	}
}

func TestPingsAndExtensionsComeThroughALongDrain(t *testing.T) {
	t.Parallel()
	conn, variable := notifySocket(t, socketPath(t))
	c := start(t, "supervised:-", env(variable, "WATCHDOG_USEC=200000"))
	c.signal(syscall.SIGTERM)
	pings, extensions := 0, 0
	for text := ""; !strings.HasPrefix(text, "STATUS=stopped"); {
		text = message(t, conn)
		switch {
		case strings.Contains(text, "STOPPING=1"):
			pings, extensions = 0, 0
		case text == "WATCHDOG=1":
			pings++
		case strings.Contains(text, "EXTEND_TIMEOUT_USEC="):
			extensions++
		}
	}
	require.Equal(t, 3, c.exit(), "%s", c.output())
	require.Greater(t, pings, 5, "of 18 on a machine with nothing else to do")
	require.GreaterOrEqual(t, extensions, 4)
}

func TestAKillAfterAQuarterFindsTheCulpritWhereverOneLooks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "termination-log")
	require.NoError(t, os.WriteFile(file, []byte("what was there before"), 0o600))
	conn, variable := notifySocket(t, socketPath(t))
	c := start(t, "supervised:"+file, env(variable))
	c.signal(syscall.SIGTERM)
	for line := ""; !strings.Contains(line, "still stopping"); {
		line = c.line("time=")
	}
	require.NoError(t, c.cmd.Process.Kill())
	require.Equal(t, -1, c.exit())
	const culprit = `consumer \(stopping for [^)]*\): [a-z ]+, 1 goroutine, graceful_test\.\S*stuck\S* \S+/child_test\.go:\d+`
	const late = `(2[5-9]|[3-9]\d|100)` // on a busy machine
	require.Regexp(t, `percent=`+late+` .*`+culprit, c.output())
	last, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Regexp(t, `^still stopping after \S+ \(`+late+` %\), \S+ left: `+culprit+`$`, string(last))
	status := ""
	for !strings.Contains(status, "still stopping") {
		status = message(t, conn)
	}
	require.Contains(t, status, "STATUS="+string(last)+"\n")
}

func TestAServiceManagerThatDoesNotReadHoldsUpNothing(t *testing.T) {
	t.Parallel()
	conn, variable := notifySocket(t, socketPath(t))
	fill(t, conn)
	c := start(t, "http", env(variable))
	c.signal(syscall.SIGTERM)
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestReadyReachesAServiceManagerThatReadsLate(t *testing.T) {
	t.Parallel()
	conn, variable := notifySocket(t, socketPath(t))
	fill(t, conn)
	start(t, "http", env(variable))
	for text := "fill"; text != "READY=1"; {
		text = message(t, conn)
		require.Contains(t, []string{"fill", "READY=1"}, text)
	}
}

// fill sends to a socket until it takes nothing any more.
func fill(t *testing.T, conn *net.UnixConn) {
	t.Helper()
	sender, err := net.DialUnix("unixgram", nil, conn.LocalAddr().(*net.UnixAddr))
	require.NoError(t, err)
	defer sender.Close()
	require.NoError(t, sender.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	for err == nil {
		_, err = sender.Write([]byte("fill"))
	}
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestAServiceManagerThatIsGoneHoldsUpNothingAndIsLoggedOnce(t *testing.T) {
	t.Parallel()
	c := start(t, "supervised:-", env("NOTIFY_SOCKET=/nonexistent/socket", "WATCHDOG_USEC=100000"))
	c.signal(syscall.SIGTERM)
	require.Equal(t, 3, c.exit(), "%s", c.output())
	require.Equal(t, 1, strings.Count(c.output(), "can't be reached"), "%s", c.output())
	require.Contains(t, c.output(), "no such file")
}
