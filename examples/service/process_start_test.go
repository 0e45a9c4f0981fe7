//go:build unix

package main

// How the process starts, or does not, and what it does while it runs.

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARunningServiceAnswersEveryRoute(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	require.Contains(t, c.get(t, c.http, "/sum?path=greeting.txt"), `"size":13`)
	require.Contains(t, c.get(t, c.http, "/tree"), `"path":"sub/names.txt"`)
	require.Equal(t, "sub/names.txt:2: grace\n", c.get(t, c.http, "/search?q=grac"))
	require.Equal(t, "slept 0s\n", c.get(t, c.http, "/slow?d=0s"))
	c.get(t, c.http, "/livez")
	c.get(t, c.http, "/readyz")
	resp, err := http.Post("http://"+c.http+"/echo", "text/plain", strings.NewReader("ping"))
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "ping", string(body))

	require.Contains(t, c.get(t, c.admin, "/metrics"), "service_requests_total 5\n")
	require.Contains(t, c.get(t, c.admin, "/"), fmt.Sprintf("pid %d\n", c.Process.Pid))
	require.Equal(t, c.get(t, c.http, "/version"), c.get(t, c.admin, "/version"))
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	c.ends(t, 0)
}

func TestSIGHUPReloadsTheLimits(t *testing.T) {
	t.Parallel()
	name := t.TempDir() + "/limits"
	for _, variant := range []string{"", "SERVICE_STOP=plain"} {
		require.NoError(t, os.WriteFile(name, []byte("concurrency=5\n"), 0o644))
		c := start(t, []string{"SERVICE_LIMITS=" + name, variant}, "-rate", "77")
		c.status(t, func(st state) bool { return st.Rate == 77 && st.Concurrency == 5 })

		require.NoError(t, os.WriteFile(name, []byte("rate=6\n"), 0o644))
		require.NoError(t, c.Process.Signal(syscall.SIGHUP))
		c.status(t, func(st state) bool { return st.Rate == 6 && st.Concurrency == defaultConcurrency })

		require.NoError(t, os.WriteFile(name, []byte("rate=-1\n"), 0o644))
		require.NoError(t, c.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Contains(c.stderr.String(), `"limits not reloaded"`) },
			patience, 5*time.Millisecond)
		c.status(t, func(st state) bool { return st.Rate == 6 })

		require.NoError(t, os.Remove(name))
		require.NoError(t, c.Process.Signal(syscall.SIGHUP))
		c.status(t, func(st state) bool { return st.Rate == 77 })
		require.NoError(t, c.Process.Signal(syscall.SIGTERM))
		c.ends(t, 0)
	}
}

func TestAPortInUseIsOneLineAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, variant := range []string{"", "SERVICE_STOP=plain"} {
		for _, flag := range []string{"-http", "-grpc", "-admin"} {
			args := []string{"-http", "127.0.0.1:0", "-grpc", "127.0.0.1:0", "-admin", "127.0.0.1:0", flag, taken.Addr().String()}
			cmd := command(t, []string{variant}, args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			require.Error(t, cmd.Run())
			require.Equal(t, 1, cmd.ProcessState.ExitCode(), stderr.String())
			require.Empty(t, stdout.String(), "never ready")
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			require.Contains(t, stderr.String(), flag)
			require.Contains(t, stderr.String(), taken.Addr().String())
			require.Contains(t, stderr.String(), "address already in use")
		}
	}
}

func TestBadInputExitsWithTwo(t *testing.T) {
	t.Parallel()
	cmd := command(t, nil, "-rate", "many")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.Error(t, cmd.Run())
	require.Equal(t, 2, cmd.ProcessState.ExitCode())
	require.Empty(t, stdout.String())
	require.Equal(t, "service: invalid value \"many\" for flag -rate: want a whole number of at least 1\n", stderr.String())
}
