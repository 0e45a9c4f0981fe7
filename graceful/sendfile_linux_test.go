package graceful_test

// A file is sent by the kernel, without a copy through the process: the
// connections are net's own. The kernel counts the calls.

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func init() { plays["file"] = playFile }

func playFile(path string) int {
	mux := http.NewServeMux()
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	mux.HandleFunc("/copy", func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			return
		}
		defer f.Close()
		_, _ = io.Copy(struct{ io.Writer }{w}, f)
	})
	m := graceful.New(graceful.Options{Logger: slog.New(slog.DiscardHandler)})
	m.Add(1, graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: mux}))
	m.Add(2, graceful.Component{Name: "say", Start: func(context.Context) error {
		say("ready %s", m.Addr("http"))
		return nil
	}})
	report, _ := m.Run(context.Background())
	return report.ExitCode()
}

// calls returns how often the process has read or written, of any kind.
func calls(t *testing.T, pid int) (n int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		t.Skip("the kernel does not tell")
	}
	for line := range strings.Lines(string(text)) {
		if name, count, _ := strings.Cut(strings.TrimSpace(line), ": "); name == "syscr" || name == "syscw" {
			more, err := strconv.Atoi(count)
			require.NoError(t, err)
			n += more
		}
	}
	return n
}

func TestAFileIsSentByTheKernel(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, size))
	c := start(t, "file:"+path)
	fetch := func(path string) int {
		before := calls(t, c.cmd.Process.Pid)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
		resp, err := client.Get("http://" + c.addr + path)
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		require.NoError(t, resp.Body.Close())
		wait(10 * time.Millisecond)
		return calls(t, c.cmd.Process.Pid) - before
	}
	sent, copied := fetch("/file"), fetch("/copy")
	t.Logf("%d calls to send %d MiB, %d to copy it", sent, size>>20, copied)
	require.Greater(t, copied, 1000, "the control: a writer that hides what is below")
	c.signal(syscall.SIGTERM)
	require.Equal(t, 0, c.exit(), "%s", c.output())
	require.Less(t, sent, copied/4)
}
