//go:build unix

package main

// Strangers below belay-run: Python, one of a distribution's web servers, a script.

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// program is a stranger that this machine may have.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("there is no %s on this machine", names[0])
	return ""
}

// fetch is what a web server answers, on a connection of its own.
func fetch(t *testing.T, addr string) string {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + addr + "/")
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	return strings.TrimSpace(string(body))
}

func TestAServerOfPythonTakesItsSocketAndSaysThatItIsReady(t *testing.T) {
	python := program(t, "python3")
	t.Parallel()
	r := begin(t, onLoopback("--", python, "testdata/server.py"))
	r.becomes(func(s *status) bool { return serving(s, "current").Said == "python serves" })
	addr := r.addr("listen")
	before := serving(r.ready(), "current").PID
	require.Equal(t, strconv.Itoa(before), fetch(t, addr))
	r.does("restart")
	r.gone(before)
	after := serving(r.status(), "current").PID
	require.Equal(t, strconv.Itoa(after), fetch(t, addr))
	require.NoError(t, syscall.Kill(after, syscall.SIGKILL))
	require.NotEmpty(t, fetch(t, addr), "it waits in the queue")
	require.NotEqual(t, before, serving(r.ready(), "current").PID)
	r.stop()
	require.True(t, refused(addr))
}

// Libsystemd itself, where the machine has it, says whether what a server is given
// is meant for it.
func TestLibsystemdTakesTheSocketsForItsOwn(t *testing.T) {
	python := program(t, "python3")
	const script = `
import ctypes, ctypes.util, os, signal, sys
name = ctypes.util.find_library("systemd")
if not name:
    print("no libsystemd", flush=True)
    os._exit(0)
lib = ctypes.CDLL(name)
names = ctypes.POINTER(ctypes.c_char_p)()
n = lib.sd_listen_fds_with_names(1, ctypes.byref(names))
tcp = lib.sd_is_socket_inet(3, 0, 1, 1, 0)
unix = lib.sd_is_socket_unix(4, 1, 1, None, 0)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
sent = lib.sd_notify(1, b"READY=1")
said = "n %d %r tcp %d unix %d sent %d\n" % (n, [names[i].decode() for i in range(max(n, 0))], tcp, unix, sent)
os.write(1, said.encode()) # in one piece: others write there, too
signal.sigwait([signal.SIGTERM])
`
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	r := begin(t, []string{"-listen", "web=127.0.0.1:0", "-listen", "local=unix:" + path, "--", python, "-c", script})
	until(t, func() bool {
		return strings.Contains(r.log.String(), "sent") || strings.Contains(r.log.String(), "no libsystemd")
	})
	if strings.Contains(r.log.String(), "no libsystemd") {
		t.Skip("there is no libsystemd on this machine")
	}
	require.Contains(t, r.log.String(), "n 2 ['web', 'local'] tcp 1 unix 1 sent 1\n")
	r.ready()
	r.stop()
}

// At SIGTERM lighttpd cuts its clients off; that is what the script is for.
func TestLighttpdIsRestartedWithoutALoss(t *testing.T) {
	lighttpd := program(t, "lighttpd", "/usr/sbin/lighttpd")
	t.Parallel()
	dir := shortDir(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "index.html"), []byte("hello"), 0o644))
	addr := freeAddr(t)
	host, port, _ := strings.Cut(addr, ":")
	conf := filepath.Join(dir, "conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, `
server.document-root = %q
server.systemd-socket-activation = "enable"
server.bind = %q
server.port = %s
server.modules = ()
index-file.names = ("index.html")
`, dir, host, port), 0o600))
	args := []string{"-listen", addr, "-ready", "after=500ms", "-probation", "100ms", "--", "sh", "testdata/gently.sh", lighttpd, "-D", "-f", conf}
	if modules := os.Getenv("LIGHTTPD_MODULES"); modules != "" { // of one that isn't installed
		args = append(args, "-m", modules)
	}
	r := begin(t, args)
	r.ready()
	lost := asking(t, addr)
	for range 3 {
		r.does("restart")
	}
	require.Empty(t, lost())
	require.Equal(t, "hello", fetch(t, addr))
	r.stop()
}

// freeAddr is an address that was free a moment ago, for a program that wants to
// read it in its configuration.
func freeAddr(t *testing.T) string {
	t.Helper()
	s := socket{network: "tcp", addr: "127.0.0.1:0"}
	require.NoError(t, s.open())
	s.close()
	return s.addr
}

func TestAScriptThatKnowsNothingOfAllThisIsRestarted(t *testing.T) {
	t.Parallel()
	r := begin(t, []string{"-ready", "after=200ms", "-probation", "100ms", "--", "sh", "testdata/server.sh"})
	before := serving(r.ready(), "current").PID
	r.does("restart")
	after := serving(r.status(), "current").PID
	r.says(fmt.Sprintf("script %d works\n", after))
	r.says(fmt.Sprintf("script %d stops\n", before))
	r.stop()
	require.Contains(t, r.log.String(), fmt.Sprintf("script %d stops\n", after))
}

// A script in front of a server, which doesn't pass signals on: the usual one.
func TestAServerBehindAShellThatPassesNothingOnIsStopped(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback("-ready", "after=500ms"), "--", "sh", "-c",
		`LISTEN_PID= "$0" play:server started & echo "behind $!"; wait; true`, os.Args[0]))
	r.ready()
	addr := r.addr("listen")
	behind := r.pid()
	r.does("restart")
	r.gone(behind)
	r.stop()
	require.True(t, refused(addr))
}
