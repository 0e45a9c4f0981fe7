//go:build unix

package graceful_test

// Sockets from a stranger that speaks systemd's protocol: systemd's own program
// where there is one, and in any case one of this file.

import (
	"context"
	"fmt"
	"net"
	"net/http"
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

func init() { plays["activated"] = playActivated }

// playActivated becomes a service that was started with sockets. Only now is its
// pid known.
func playActivated(string) int {
	_ = os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	_ = os.Setenv(childEnv, "restart")
	say("%v", syscall.Exec(os.Args[0], os.Args, os.Environ()))
	return 1
}

// A way is how a socket finds its component.
type way struct{ network, by string }

var ways = []way{{"tcp", "name"}, {"tcp", "address"}, {"unix", "name"}, {"unix", "address"}}

// asked returns the name of the socket and the variables that make the service
// ask for it.
func (w way) asked(t *testing.T, addr string) (name string, pairs []string) {
	t.Helper()
	pairs = []string{"PROBATION=50ms"}
	name = "http"
	if w.by == "address" {
		name = "whatever"
		file := filepath.Join(t.TempDir(), "addr")
		if w.network == "unix" {
			addr = "unix:" + addr
		}
		require.NoError(t, os.WriteFile(file, []byte(addr), 0o600))
		pairs = append(pairs, "ADDR_FILE="+file)
	}
	return name, pairs
}

// askOver asks over a connection of its own.
func askOver(t *testing.T, network, addr, path string) string {
	t.Helper()
	s := &service{child: &child{t: t, addr: addr}}
	if network == "unix" {
		s.addr = "unix"
		return s.getOver(&http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.DialTimeout("unix", addr, patience)
		}}, path)
	}
	return s.get(path)
}

// passes goes through a restart and the end of a service that has its socket
// from elsewhere.
func passes(t *testing.T, s *service, network, addr string) {
	t.Helper()
	for range 2 {
		old := s.pid
		require.Equal(t, strconv.Itoa(old), askOver(t, network, addr, "/pid"), "%s", s.output())
		s.replaceAt(addr)
		require.NotEqual(t, old, s.pid)
		require.Equal(t, strconv.Itoa(s.pid), askOver(t, network, addr, "/pid"))
		s.saw(fmt.Sprintf("process %d is done: <nil>", old))
	}
	require.NotContains(t, s.output(), "no component takes this socket")
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
	require.Contains(t, s.output(), fmt.Sprintf("process %d is done: <nil>", s.pid))
}

func TestAServiceThatGotItsSocketFromAStrangerLeavesItThere(t *testing.T) {
	t.Parallel()
	for _, w := range ways {
		t.Run(w.network+" by "+w.by, func(t *testing.T) {
			t.Parallel()
			addr := "127.0.0.1:0"
			if w.network == "unix" {
				addr = socketPath(t)
			}
			ln, err := net.Listen(w.network, addr)
			require.NoError(t, err)
			defer ln.Close()
			addr = ln.Addr().String()
			f, err := ln.(interface{ File() (*os.File, error) }).File()
			require.NoError(t, err)
			name, pairs := w.asked(t, addr)
			pairs = append(pairs, "LISTEN_FDS=1", "LISTEN_FDNAMES="+name)
			s := &service{child: spawn(t, "activated", env(pairs...), func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{f} })}
			require.NoError(t, f.Close())
			s.ready()
			passes(t, s, w.network, addr)

			c, err := net.DialTimeout(w.network, addr, patience)
			require.NoError(t, err, "it is still there")
			defer c.Close()
			require.NoError(t, ln.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(patience)))
			got, err := ln.Accept()
			require.NoError(t, err)
			require.NoError(t, got.Close())
		})
	}
}

// systemd's program becomes the service with the first connection, so what is
// left of the socket then is the service's; but a path is not removed.
func TestAServiceThatSystemdsProgramStartsTakesItsSockets(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Log("there is none here: the stranger of the other test has to do")
		return
	}
	for _, w := range ways {
		t.Run(w.network+" by "+w.by, func(t *testing.T) {
			t.Parallel()
			addr := socketPath(t)
			if w.network == "tcp" {
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				require.NoError(t, err)
				addr = ln.Addr().String()
				require.NoError(t, ln.Close())
			}
			name, pairs := w.asked(t, addr)
			args := []string{program, "--listen=" + addr, "--fdname=" + name}
			for _, pair := range append(pairs, childEnv+"=restart", "GORACE=atexit_sleep_ms=10", "KUBERNETES_SERVICE_HOST=") {
				args = append(args, "--setenv="+pair)
			}
			s := &service{child: spawn(t, "restart", func(cmd *exec.Cmd) {
				cmd.Args = append(args, cmd.Path)
				cmd.Path = program
			})}
			s.saw("Listening on ")
			c, err := net.DialTimeout(w.network, addr, patience)
			require.NoError(t, err)
			defer c.Close()
			s.ready()
			require.Equal(t, s.cmd.Process.Pid, s.pid)
			passes(t, s, w.network, addr)
			if w.network == "unix" {
				require.FileExists(t, addr)
				return
			}
			_, err = net.DialTimeout("tcp", addr, patience)
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		})
	}
}

// What is nobody's is closed and named: a queue that nobody empties is silent.
func TestASocketThatNoComponentTakesIsClosed(t *testing.T) {
	t.Parallel()
	var files []*os.File
	var addrs []string
	for range 2 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		f, err := ln.(*net.TCPListener).File()
		require.NoError(t, err)
		require.NoError(t, ln.Close())
		files, addrs = append(files, f), append(addrs, ln.Addr().String())
	}
	s := &service{child: spawn(t, "activated", env("LISTEN_FDS=2", "LISTEN_FDNAMES=other:http"), func(cmd *exec.Cmd) { cmd.ExtraFiles = files })}
	for _, f := range files {
		require.NoError(t, f.Close())
	}
	s.ready()
	require.Equal(t, addrs[1], s.addr)
	_, err := net.DialTimeout("tcp", addrs[0], patience)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, 1, strings.Count(s.output(), `no component takes this socket" name=other`))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}
