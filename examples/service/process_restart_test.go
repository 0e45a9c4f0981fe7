//go:build unix

package main

// SIGUSR2 to a service, of either kind.

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSIGUSR2PutsANewProcessInItsPlace(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"SERVICE_PROBATION=50ms", "SERVICE_STOP=plain"} {
		c := start(t, []string{variant})
		old := c.Process.Pid
		slow, err := http.Get("http://" + c.http + "/slow?d=300ms")
		require.NoError(t, err)
		defer slow.Body.Close()
		require.NoError(t, c.Process.Signal(syscall.SIGUSR2))
		line, err := c.stdout.ReadString('\n')
		require.NoError(t, err, c.stderr)
		var pid int
		_, err = fmt.Sscanf(line, "ready http="+c.http+" grpc="+c.grpc+" pid=%d\n", &pid)
		require.NoError(t, err, line)
		require.NotEqual(t, old, pid)
		defer syscall.Kill(pid, syscall.SIGKILL)

		body, err := io.ReadAll(slow.Body)
		require.NoError(t, err)
		require.Equal(t, "slept 300ms\n", string(body), "what the old process had begun")
		state, err := c.Process.Wait() // Cmd.Wait would wait for whoever writes to its pipes
		require.NoError(t, err)
		require.Zero(t, state.ExitCode(), c.stderr)

		var version struct{ PID, Generation int }
		require.NoError(t, json.Unmarshal([]byte(c.get(t, c.http, "/version")), &version))
		require.Equal(t, pid, version.PID)
		if variant != "SERVICE_STOP=plain" {
			require.Equal(t, 2, version.Generation)
		}
		conn, err := net.Dial("tcp", c.admin)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
		rest, err := io.ReadAll(c.stdout) // until the new process is gone, too
		require.NoError(t, err)
		require.Empty(t, string(rest))
	}
}
