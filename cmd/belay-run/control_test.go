//go:build unix

package main

// The control socket: who may ask, what may be asked, and what is removed.

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// verb runs belay-run with a verb, as a user does.
func verb(base string, args ...string) (code int, stdout, stderr string) {
	cmd := asPlayed(base, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestVerbsAreForUsersAndForTools(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs("says=hello")...))
	r.becomes(func(s *status) bool { return serving(s, "current").Said == "hello" })
	code, out, _ := verb(r.base, "-name", "x", "status")
	require.Equal(t, 0, code)
	require.Regexp(t, `^x  ready, pid \d+, for [\d.ms]+; restarts 0, crashes 0
sockets  listen=tcp:127\.0\.0\.1:\d+
server  pid +state  role     age +status
1 +\d+ +ready  current  [\d.ms]+ +hello
$`, out)
	code, out, _ = verb(r.base, "status", "-json") // there is only one
	require.Equal(t, 0, code)
	var s status
	require.NoError(t, json.Unmarshal([]byte(out), &s))
	require.Equal(t, r.cmd.Process.Pid, s.PID)
	require.Equal(t, "listen", s.Sockets[0].Name)
	code, out, errs := verb(r.base, "restart")
	require.Equal(t, []any{0, "", ""}, []any{code, out, errs})
	require.Equal(t, 1, r.status().Restarts)
	code, out, errs = verb(r.base, "stop")
	require.Equal(t, []any{0, "", ""}, []any{code, out, errs})
	require.Equal(t, 0, r.exit())
	code, _, errs = verb(r.base, "status")
	require.Equal(t, 1, code)
	require.Equal(t, "belay-run: nothing runs here; -name says which\n", errs)
	code, _, errs = verb(r.base, "-name", "x", "stop")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "belay-run: nothing runs there: ")
}

func TestAVerbThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "manners")
	behave(t, file, "good")
	r := begin(t, append(onLoopback(), serverArgs("manners="+file)...))
	r.ready()
	behave(t, file, "fails")
	code, _, errs := verb(r.base, "restart")
	require.Equal(t, 1, code)
	require.Regexp(t, `^belay-run: the new server 2 \(pid \d+\) has ended: exit status 7\n$`, errs)
	r.stop()
}

func TestEveryVerbIsLoggedWithItsSender(t *testing.T) {
	t.Parallel()
	r := begin(t, append([]string{"-log", "json"}, serverArgs()...))
	r.ready()
	r.does("restart")
	r.does("stop")
	require.Equal(t, 0, r.exit())
	var seen []string
	for line := range strings.Lines(r.log.String()) {
		var entry struct {
			Msg, Verb string
			UID, PID  int
		}
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		if entry.Msg == "control" {
			seen = append(seen, entry.Verb)
			require.Equal(t, os.Geteuid(), entry.UID)
			require.Equal(t, os.Getpid(), entry.PID)
		}
	}
	require.Subset(t, seen, []string{"status", "restart", "stop"})
}

func TestTheControlSocketIsForItsUserAlone(t *testing.T) {
	t.Parallel()
	r := begin(t, serverArgs())
	r.ready()
	dir, err := os.Stat(filepath.Dir(r.control()))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), dir.Mode().Perm())
	socket, err := os.Stat(r.control())
	require.NoError(t, err)
	require.Equal(t, os.ModeSocket|0o600, socket.Mode())
	r.stop()
}

func TestAFolderThatIsNotOursAloneIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o755, 0o777, 0o750, 0o500} {
		base := shortDir(t)
		dir := filepath.Join(base, "x")
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, os.Chmod(dir, mode))
		r := beginIn(t, base, serverArgs())
		require.Equal(t, 1, r.exit())
		require.Contains(t, r.log.String(), "isn't ours alone")
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm())
	}
}

func TestAFolderOfAnotherUserIsNotTaken(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give one away")
	}
	t.Parallel()
	base := shortDir(t)
	dir := filepath.Join(base, "x")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chown(dir, 65534, 65534))
	r := beginIn(t, base, serverArgs())
	require.Equal(t, 1, r.exit())
	require.Contains(t, r.log.String(), "isn't ours alone")
}

func TestNoControlSocketIsMadeThroughALink(t *testing.T) {
	t.Parallel()
	base, elsewhere := shortDir(t), shortDir(t)
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(base, "x")))
	r := beginIn(t, base, serverArgs())
	require.Equal(t, 1, r.exit())
	require.Contains(t, r.log.String(), "is no folder")

	base = shortDir(t)
	target := filepath.Join(elsewhere, "target")
	require.NoError(t, os.Mkdir(filepath.Join(base, "x"), 0o700))
	require.NoError(t, os.WriteFile(target, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(target, filepath.Join(base, "x", controlName)))
	r = beginIn(t, base, serverArgs())
	require.Equal(t, 1, r.exit())
	require.FileExists(t, target)
}

func TestASecondBelayRunOfTheSameNameDoesNotStart(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs()...))
	before := r.ready()
	second := beginIn(t, r.base, append(onLoopback(), serverArgs()...))
	require.Equal(t, 1, second.exit())
	require.Contains(t, second.log.String(), "somebody listens there")
	r.does("restart")
	require.Equal(t, before.PID, r.status().PID)
	r.stop()
}

func TestAFolderWithoutRoomForSocketsIsAnErrorAtTheStart(t *testing.T) {
	t.Parallel()
	base := filepath.Join(shortDir(t), strings.Repeat("x", 80))
	require.NoError(t, os.Mkdir(base, 0o700))
	r := beginIn(t, base, serverArgs())
	require.Equal(t, 1, r.exit())
	require.Contains(t, r.log.String(), "too long for the path of a socket")
	require.NotContains(t, r.log.String(), "started")
}

func TestTheOnlyOneThatRunsIsFoundAmongThoseThatWereKilled(t *testing.T) {
	t.Parallel()
	r := begin(t, serverArgs())
	r.ready()
	dead := filepath.Join(r.base, "dead")
	require.NoError(t, os.Mkdir(dead, 0o700))
	ln, err := net.Listen("unix", filepath.Join(dead, controlName))
	require.NoError(t, err)
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, ln.Close())
	code, out, errs := verb(r.base, "status")
	require.Equal(t, 0, code, errs)
	require.Contains(t, out, "x  ready")
	other := beginIn(t, r.base, append([]string{"-name", "y"}, serverArgs()...))
	until(t, func() bool { code, _, _ = verb(r.base, "-name", "y", "status"); return code == 0 })
	code, _, errs = verb(r.base, "status")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "there are several; -name says which: ")
	other.stop()
	r.stop()
}

// Whatever comes in the place of a request, belay-run serves on and answers the
// next one.
func TestWhatIsNoRequestIsNotAnswered(t *testing.T) {
	t.Parallel()
	r := begin(t, serverArgs())
	r.ready()
	for name, text := range map[string]string{
		"another verb":   "exec /bin/sh\n",
		"an argument":    "restart now\n",
		"a blank":        " stop\n",
		"upper case":     "STOP\n",
		"nothing":        "\n",
		"too long":       strings.Repeat("x", 2*mostRequest),
		"a verb, at 4 K": strings.Repeat("x", mostRequest-5) + "\nstop\n",
		"no end":         "stop",
		"bytes":          "stop\x00\n",
	} {
		conn, err := net.Dial("unix", r.control())
		require.NoError(t, err)
		_, _ = io.WriteString(conn, text) // it may hang up before the end
		require.NoError(t, conn.(*net.UnixConn).CloseWrite())
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		answer, _ := io.ReadAll(conn)
		require.Empty(t, answer, name)
		require.NoError(t, conn.Close())
	}
	require.Equal(t, "ready", r.status().State)
	r.stop()
}

func TestWhoeverAsksNothingIsHungUpOnAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	r := begin(t, serverArgs())
	r.ready()
	var silent []net.Conn
	for range 50 {
		conn, err := net.Dial("unix", r.control())
		require.NoError(t, err)
		_, err = io.WriteString(conn, "sta")
		require.NoError(t, err)
		silent = append(silent, conn)
	}
	require.Equal(t, "ready", r.status().State)
	for _, conn := range silent {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, conn.Close())
	}
	r.stop()
}

// One that asks and doesn't read, while a stop waits for the end of servers.
func TestARequestThatIsUnderWayAtTheEndIsAnsweredOrEnded(t *testing.T) {
	ctl, err := listenControl(shortDir(t), slog.New(slog.DiscardHandler), func(string) (reply, bool) { return reply{}, false })
	require.NoError(t, err)
	conn, err := net.Dial("unix", ctl.ln.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(conn, "status\n")
	require.NoError(t, err)
	var r reply
	require.NoError(t, json.NewDecoder(conn).Decode(&r))
	require.Equal(t, "it has ended", r.Error)
	ctl.close()
}

// What was taken and not done when the loop ends has no answer, and says so.
func TestARequestThatComesTooLateIsNotWaitedFor(t *testing.T) {
	e := &edge{supervisor: &supervisor{}, events: make(chan func(time.Time), 1), done: make(chan struct{})}
	answered := make(chan bool)
	go func() { // ends with done
		_, ok := e.ask("status")
		answered <- ok
	}()
	until(t, func() bool { return len(e.events) == 1 })
	close(e.done)
	require.False(t, <-answered)
}

func FuzzReadVerb(f *testing.F) {
	for _, text := range []string{"status\n", "restart\n", "stop\nstop\n", "stop", "\n", strings.Repeat("x", mostRequest) + "\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		in := bytes.NewReader(text)
		verb, n, ok := readVerb(in)
		require.LessOrEqual(t, len(text)-in.Len(), mostRequest, "no more is taken")
		require.LessOrEqual(t, n, mostRequest)
		line, _, whole := bytes.Cut(text, []byte("\n"))
		require.Equal(t, whole && slices.Contains(verbs, string(line)), ok)
		if ok {
			require.Equal(t, string(line), verb)
		}
	})
}
