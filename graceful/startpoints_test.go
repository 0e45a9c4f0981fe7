package graceful_test

// A signal at fifty points of a process's life before it is ready, the first of
// them before it has come to Run. What a component opens is a file here, so
// that it is seen even of a process that was killed.

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func init() { plays["files"] = playFiles }

// playFiles opens files in dir, phase by phase, and removes them in its stop.
func playFiles(dir string) int {
	say("begin")
	m := graceful.New(graceful.Options{Logger: slog.New(slog.DiscardHandler)})
	for phase := range 5 {
		for i := range 2 {
			path := filepath.Join(dir, fmt.Sprintf("opened %d.%d", phase, i))
			m.Add(phase, graceful.Component{
				Name: filepath.Base(path),
				Start: func(ctx context.Context) error {
					wait(time.Duration(5+5*i) * time.Millisecond) // does not listen
					return os.WriteFile(path, nil, 0o600)
				},
				Stop: func(context.Context) error { return os.Remove(path) },
			})
		}
	}
	m.Add(9, graceful.Component{Name: "say", Start: func(context.Context) error { say("ready -"); return nil }})
	report, err := m.Run(context.Background())
	say("%s\nerror: %v", report, err)
	return report.ExitCode()
}

func TestASignalAtFiftyPointsOfTheStartLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	const points, early = 50, 8
	slots := make(chan struct{}, 5) // so many processes at once
	var mu sync.Mutex
	ends := map[string]int{}
	t.Run("points", func(t *testing.T) {
		for i := range points {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				dir := t.TempDir()
				c := spawn(t, "files:"+dir)
				if i >= early {
					c.line("begin")
					wait(time.Duration(i-early) * 1500 * time.Microsecond)
				} else {
					wait(time.Duration(i) * time.Millisecond)
				}
				c.signal(syscall.SIGTERM)
				code := c.exit()
				left, err := filepath.Glob(filepath.Join(dir, "*"))
				require.NoError(t, err)
				require.Empty(t, left, "%s", c.output())
				end := "in the start"
				switch {
				case code == -1: // by the signal itself
					end = "before Run"
					require.NotContains(t, c.output(), "stopped after")
				case strings.Contains(c.output(), "ready -\n"):
					end = "when ready"
					fallthrough
				default:
					require.Zero(t, code, "%s", c.output())
					require.Contains(t, c.output(), "graceful: signal: terminated")
				}
				mu.Lock()
				defer mu.Unlock()
				ends[end]++
			})
		}
	})
	t.Log(ends)
	require.NotZero(t, ends["in the start"])
	require.Less(t, ends["before Run"], points/2, "Run takes signals as the first thing that it does")
}
