//go:build unix

package main

// What is said further up, byte for byte, and what is heard from below.

import (
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/sdnotify"
)

// serviceManager plays the service manager above.
func serviceManager(t *testing.T) (*net.UnixConn, string) {
	t.Helper()
	addr := filepath.Join(shortDir(t), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: addr, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn, addr
}

// message is the next one.
func message(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	buf := make([]byte, mostNotice)
	n, err := conn.Read(buf)
	require.NoError(t, err)
	return string(buf[:n])
}

func TestTheServiceManagerHearsOfAWholeLife(t *testing.T) {
	t.Parallel()
	conn, addr := serviceManager(t)
	r := begin(t, append(onLoopback(), serverArgs("says=at your service")...), withEnv("NOTIFY_SOCKET="+addr))
	require.Equal(t, "READY=1\nSTATUS=ready", message(t, conn))
	require.Equal(t, "STATUS=at your service", message(t, conn))
	require.Equal(t, "said", r.get(`say STATUS=a\nX_SECRET=b\nnothing`))
	require.Equal(t, "STATUS=a", message(t, conn), "the rest is not ours to say")
	r.signal(syscall.SIGHUP)
	require.Regexp(t, regexp.MustCompile(`^RELOADING=1\n(MONOTONIC_USEC=[1-9]\d+\n)?STATUS=restarting$`), message(t, conn))
	require.Equal(t, "STATUS=at your service", message(t, conn))
	require.Equal(t, "READY=1\nSTATUS=restarted", message(t, conn))
	r.signal(syscall.SIGTERM)
	require.Equal(t, "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=30000000", message(t, conn))
	require.Equal(t, 0, r.exit())
}

func TestTheServiceManagerHearsOfARestartThatFailed(t *testing.T) {
	t.Parallel()
	conn, addr := serviceManager(t)
	file := filepath.Join(t.TempDir(), "manners")
	behave(t, file, "good")
	r := begin(t, append(onLoopback(), serverArgs("manners="+file)...), withEnv("NOTIFY_SOCKET="+addr))
	require.Equal(t, "READY=1\nSTATUS=ready", message(t, conn))
	behave(t, file, "fails")
	r.signal(syscall.SIGHUP)
	require.Contains(t, message(t, conn), "RELOADING=1\n")
	require.Regexp(t, `^READY=1\nSTATUS=restart failed: the new server 2 \(pid \d+\) has ended: exit status 7$`, message(t, conn))
	r.stop()
}

func TestTheWatchdogIsFed(t *testing.T) {
	t.Parallel()
	conn, addr := serviceManager(t)
	r := begin(t, append(onLoopback(), serverArgs()...), withEnv("NOTIFY_SOCKET="+addr, "WATCHDOG_USEC=100000"))
	until(t, func() bool { return message(t, conn) == "WATCHDOG=1" })
	r.stop()
}

func TestAServiceManagerThatIsNotThereEndsNothing(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs()...), withEnv("NOTIFY_SOCKET=/nonexistent/notify"))
	r.ready()
	r.does("restart")
	r.says("the service manager can't be reached")
	r.stop()
}

// What a process has said before its end counts before the end, though the one
// comes through a socket and the other as a signal.
func TestAServerThatPutsAnotherInItsPlaceAndEndsAtOnceHasNotCrashed(t *testing.T) {
	t.Parallel()
	for range 5 {
		r := begin(t, append(onLoopback(), serverArgs("successor")...))
		r.says("another process speaks for it")
		s := r.ready()
		pid := serving(s, "current").PID
		require.Equal(t, pid, r.pid())
		require.Zero(t, r.status().Crashes, "%s", &r.log)
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL)) // its end is seen, too
		r.becomes(func(s *status) bool { return s.Crashes == 1 && serving(s, "current").State == ready })
		r.stop()
		require.NotContains(t, r.log.String(), "has started did not end")
	}
}

func TestAServerCanNotHaveAStrangerSignalled(t *testing.T) {
	t.Parallel()
	stranger := begin(t, append(onLoopback(), serverArgs()...))
	stranger.ready()
	r := begin(t, append(onLoopback(), serverArgs()...))
	pid := serving(r.ready(), "current").PID
	for _, other := range []string{strconv.Itoa(stranger.pid()), "1", "0", "-1", "x", "99999999"} {
		require.Equal(t, "said", r.get("say MAINPID="+other))
		r.says("it names a process that is none of its own\" server=1 pid=" + other)
	}
	require.Equal(t, pid, serving(r.status(), "current").PID)
	r.stop()
	stranger.stop()
}

func TestAServerThatSaysAllKindsOfThingsIsHeardOut(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs()...))
	r.ready()
	for _, text := range []string{"", "=", "READY=2", `\n\n`, "STATUS=", "STOPPING=1", strings.Repeat("x", 3000)} {
		require.Equal(t, "said", r.get("say "+text))
	}
	require.Equal(t, "said", r.get("say STATUS=\x1b[31mred\tor\x07"))
	s := r.becomes(func(s *status) bool { return strings.Contains(serving(s, "current").Said, "red") })
	var b strings.Builder
	s.print(&b, false)
	require.NotContains(t, b.String(), "\x1b", "whoever looks has a terminal")
	r.stop()
}

// The same without luck: what is said while the listener is busy, and then the
// end.
func TestWhatWasSaidBeforeTheEndIsHeardBeforeTheEnd(t *testing.T) {
	heard, goOn := make(chan string, 10), make(chan struct{})
	n, err := listenTo(shortDir(t), 1, func(text string) {
		heard <- text
		<-goOn
	})
	require.NoError(t, err)
	var want []string
	for i := range 5 {
		want = append(want, strconv.Itoa(i))
		require.NoError(t, sdnotify.Send(n.path, want[i]))
	}
	require.Equal(t, "0", <-heard)
	n.after(func() { heard <- "the end" })
	n.after(func() { heard <- "and again" })
	close(goOn)
	for _, text := range append(want[1:], "the end", "and again") {
		select {
		case got := <-heard:
			require.Equal(t, text, got)
		case <-time.After(patience):
			require.FailNow(t, "it is not heard", text)
		}
	}
	require.NoError(t, sdnotify.Send(n.path, "it still listens"))
	require.Equal(t, "it still listens", <-heard)
	n.close()
	require.NoFileExists(t, n.path)
}
