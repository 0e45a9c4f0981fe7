//go:build unix

package main

// The service as a process of its own, with real sockets and signals: the test
// binary plays it. Nothing here asserts how long anything takes.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait for a process.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv("TEST_PLAYS_SERVICE") != "" {
		main()
	}
	os.Exit(m.Run())
}

// child is a service that runs.
type child struct {
	*exec.Cmd
	http, grpc, admin string
	stdout            *bufio.Reader
	stderr            *lines
}

// lines is a buffer that can be read while a process writes to it.
type lines struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.Buffer.String()
}

func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel) // kills what is still there
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(append(os.Environ(), "TEST_PLAYS_SERVICE=1"), env...)
	return cmd
}

// start returns a service that is ready.
func start(t *testing.T, env []string, args ...string) *child {
	t.Helper()
	args = append([]string{"-http", "127.0.0.1:0", "-grpc", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-root", "files/testdata"}, args...)
	c := &child{Cmd: command(t, env, args...), stderr: new(lines)}
	c.Stderr = c.stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	c.stdout = bufio.NewReader(out)
	line, err := c.stdout.ReadString('\n')
	require.NoError(t, err, c.stderr)
	var pid int
	_, err = fmt.Sscanf(line, "ready http=%s grpc=%s pid=%d\n", &c.http, &c.grpc, &pid)
	require.NoError(t, err, line)
	require.Equal(t, c.Process.Pid, pid)

	var version struct {
		PID, Generation int
		Admin           string
	}
	require.NoError(t, json.Unmarshal([]byte(c.get(t, c.http, "/version")), &version))
	require.Equal(t, pid, version.PID)
	require.Equal(t, 1, version.Generation)
	c.admin = version.Admin
	return c
}

// get returns the body of a good answer, over a connection of its own.
func (c *child) get(t *testing.T, addr, path string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get("http://" + addr + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, "%s: %s", path, body)
	return string(body)
}

// status polls the state until it is as wanted.
func (c *child) status(t *testing.T, want func(state) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		var st state
		require.NoError(t, json.Unmarshal([]byte(c.get(t, c.admin, "/state")), &st))
		return want(st)
	}, patience, 5*time.Millisecond)
}

// ends waits for the end and checks the exit code, and that stdout had the
// ready line and nothing else.
func (c *child) ends(t *testing.T, exit int) {
	t.Helper()
	rest, err := io.ReadAll(c.stdout)
	require.NoError(t, err)
	require.Empty(t, string(rest))
	_ = c.Wait()
	require.Equal(t, exit, c.ProcessState.ExitCode(), c.stderr)
}
