//go:build unix

package handover_test

// What a new process is started with, and what is left of one that has ended.

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/handover"
)

// script starts a shell script as the new process.
func script(t *testing.T, text string, cmd handover.Command) *handover.Process {
	t.Helper()
	cmd.Path, cmd.Args = filepath.Join(t.TempDir(), "program"), []string{"program"}
	require.NoError(t, os.WriteFile(cmd.Path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	p, err := handover.Start(cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Kill()
		_ = p.Link.Close()
	})
	return p
}

func sockets(t *testing.T, names ...string) (all []handover.Socket) {
	t.Helper()
	for _, name := range names {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		f, err := handover.Duplicate(ln.(*net.TCPListener), name)
		require.NoError(t, err)
		t.Cleanup(func() { _, _ = ln.Close(), f.Close() })
		all = append(all, handover.Socket{SocketInfo: handover.SocketInfo{Name: name, Addr: "here"}, File: f})
	}
	return all
}

func TestANewProcessIsToldWhatItHas(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	p := script(t, `env | grep -E "^(LISTEN|BELAY|OWN)" | sort > `+out+`
ls /dev/fd >> `+out+`
read line <&5; echo "$line" >> `+out+`
echo '{"kind":"ready"}' >&5`, handover.Command{
		Env:      []string{"PATH=" + os.Getenv("PATH"), "OWN=kept", "LISTEN_FDS=77", "LISTEN_PID=1", "BELAY_PARENT=2"},
		Sockets:  sockets(t, "a:b ä", "c"),
		Hello:    handover.Message{Generation: 3},
		Draining: []handover.Generation{{PID: 4, Since: time.Now()}}, // nobody knows it: it is gone
	})
	require.Equal(t, handover.Ready, receive(t, p.Link).Kind)
	_, err := p.Link.Receive()
	require.Error(t, err)
	require.NotErrorIs(t, err, handover.ErrBroken)
	require.Equal(t, "exit status 0", p.Finish(patience))
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	require.Equal(t, []string{
		"BELAY_PARENT=" + strconv.Itoa(os.Getpid()), "LISTEN_FDNAMES=a_b__:c", "LISTEN_FDS=2", "OWN=kept",
	}, lines[:4])
	for _, fd := range []string{"3", "4", "5", "6"} { // two sockets, the link, and our life
		require.Contains(t, lines, fd)
	}
	hello := lines[len(lines)-2]
	for _, part := range []string{`"kind":"hello"`, `"version":1`, `"generation":3`, `{"name":"a:b ä","addr":"here"},{"name":"c","addr":"here"}`, `"draining":[{"pid":` + strconv.Itoa(os.Getpid())} {
		require.Contains(t, hello, part)
	}
}

func TestTheEndOfANewProcessIsToldOnce(t *testing.T) {
	p := script(t, "exit 6", handover.Command{})
	require.Equal(t, "exit status 6", p.Wait())
	p.Kill()
	require.Equal(t, "exit status 6", p.Finish(0))

	p = script(t, "exec sleep 100", handover.Command{})
	p.Kill()
	require.Equal(t, "signal: killed", p.Wait())

	p = script(t, "exec sleep 100", handover.Command{})
	require.Equal(t, "signal: killed", p.Finish(time.Millisecond), "who takes too long is killed")
}

func TestANewProcessThatCanNotBeStartedIsAnError(t *testing.T) {
	for _, path := range []string{"/nonexistent/program", t.TempDir(), os.DevNull} {
		_, err := handover.Start(handover.Command{Path: path, Args: []string{"x"}})
		require.ErrorContains(t, err, path)
	}
	_, err := handover.Start(handover.Command{Path: os.Args[0], Args: []string{"x"}, Dir: "/nonexistent"})
	require.Error(t, err)
	closed := sockets(t, "a")
	require.NoError(t, closed[0].File.Close())
	_, err = handover.Start(handover.Command{Path: os.Args[0], Args: []string{"x"}, Sockets: closed})
	require.ErrorContains(t, err, "closed file")
}

// The descriptors of the test binary are its own, and stay so.
func TestVariablesThatMeanNobodyAreTakenAway(t *testing.T) {
	for _, c := range []struct{ count, pid, parent string }{
		{"", "", ""},
		{"", strconv.Itoa(os.Getpid()), ""},
		{"1", "", ""},
		{"1", "1", ""},
		{"1", "x", "y"},
		{"-5", strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getppid())},
		{"many", strconv.Itoa(os.Getpid()), ""},
		{"99999999999999999999", strconv.Itoa(os.Getpid()), ""},
		{"1000000", "", "1"},
	} {
		t.Setenv("LISTEN_FDS", c.count)
		t.Setenv("LISTEN_FDNAMES", "a:b")
		t.Setenv("LISTEN_PID", c.pid)
		t.Setenv("BELAY_PARENT", c.parent)
		in, err := handover.Inherit()
		require.Nil(t, in)
		require.NotErrorIs(t, err, handover.ErrBroken)
		for _, name := range handover.Environment() {
			_, there := os.LookupEnv(name)
			require.False(t, there, name)
		}
	}
	r, w := pipe(t)
	_, err := w.WriteString("still mine")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "still mine", string(text))
}
