package graceful_test

// The last words for Kubernetes: when they are written, and when not.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// before is what stands in a termination log before anybody writes to it.
const before = "what was there before"

// lastWords returns options with a termination log that exists.
func lastWords(t *testing.T, budget time.Duration) (opts graceful.Options, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(file, []byte(before), 0o600))
	opts = quietlyWithin(budget)
	opts.TerminationLog = file
	return opts, file
}

func content(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func TestTheTerminationLogHasWhatTheStopWaitsForAndThenTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, file := lastWords(t, 10*time.Second)
		m := graceful.New(opts)
		release := make(chan struct{})
		m.Add(0, graceful.Component{Name: "hangs\nfor long", Stop: func(context.Context) error { <-release; return nil }})
		m.Add(1, stopsAll(m))
		var mu sync.Mutex
		seen := map[time.Duration]string{}
		for _, at := range []time.Duration{2349, 2351, 4701, 7051, 9401} {
			time.AfterFunc(at*time.Millisecond, func() {
				mu.Lock()
				defer mu.Unlock()
				seen[at] = content(t, file)
			})
		}
		report, _ := m.Run(t.Context())
		close(release)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, 3, report.ExitCode())
		require.Equal(t, before, seen[2349])
		for at, begins := range map[time.Duration]string{2351: "2.35s (25 %), 7.15s", 4701: "4.7s (50 %), 4.8s", 7051: "7.05s (75 %), 2.45s", 9401: "9.4s (100 %), 100ms"} {
			require.Regexp(t, `^still stopping after `+strings.NewReplacer("(", `\(`, ")", `\)`, ".", `\.`).Replace(begins)+
				` left: hangs; for long \(stopping for \d\.\d s\): chan receive, 1 goroutine, graceful_test\.\S+ \S+termination_test\.go:\d+$`, seen[at])
		}
		require.Equal(t, report.String(), content(t, file))
	})
}

func TestACleanStopLeavesTheTerminationLogAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, file := lastWords(t, 10*time.Second)
		m := graceful.New(opts)
		m.Add(1, worker("fine"), stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, before, content(t, file))
	})
}

func TestAStopThatWasOnlySlowLeavesNoLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, file := lastWords(t, 10*time.Second)
		m := graceful.New(opts)
		m.Add(1, graceful.Component{Name: "slow", Stop: func(context.Context) error {
			time.Sleep(3 * time.Second)
			require.Contains(t, content(t, file), "slow (stopping for ")
			return nil
		}})
		m.Add(2, stopsAll(m))
		report, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, "stopped", report.Components[1].Outcome)
		require.Empty(t, content(t, file))
	})
}

func TestAFailedStartStandsInTheTerminationLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, file := lastWords(t, 10*time.Second)
		m := graceful.New(opts)
		m.Add(1, graceful.Component{Name: "db", Start: func(context.Context) error { return errMade }})
		report, err := m.Run(t.Context())
		require.Error(t, err)
		require.Equal(t, report.String(), content(t, file))
		require.Contains(t, report.String(), "graceful: db: start: made to fail")
	})
}

func TestALongReportLosesWhatStoppedWellFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, file := lastWords(t, 10*time.Second)
		m := graceful.New(opts)
		for i := range 100 {
			m.Add(1, worker(fmt.Sprint("one of many ", i)))
		}
		bad := errors.New(strings.Repeat("€", 3000) + "\xff")
		m.Add(0, graceful.Component{Name: "last", Stop: func(context.Context) error { return bad }})
		m.Add(2, stopsAll(m))
		report, err := m.Run(t.Context())
		require.ErrorIs(t, err, bad)
		require.Greater(t, len(report.String()), 4096)
		text := content(t, file)
		require.NotContains(t, text, "one of many")
		require.True(t, strings.HasSuffix(text, "€"))
		require.Contains(t, text, "  last  failed ")
		require.LessOrEqual(t, len(text), 4096)
		require.Greater(t, len(text), 4096-4)
		require.Equal(t, strings.ToValidUTF8(text, ""), text)
	})
}

func TestATerminationLogThatIsNotThereIsNotMade(t *testing.T) {
	for name, file := range map[string]string{
		"missing":  filepath.Join(t.TempDir(), "log"),
		"a folder": t.TempDir(),
		"a device": os.DevNull,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				opts := quietlyWithin(10 * time.Second)
				opts.TerminationLog = file
				opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
				_, statBefore := os.Stat(file)
				m := graceful.New(opts)
				m.Add(1, graceful.Component{Name: "slow and bad", Stop: func(context.Context) error { time.Sleep(5 * time.Second); return errMade }})
				m.Add(2, stopsAll(m))
				_, err := m.Run(t.Context())
				require.ErrorIs(t, err, errMade)
				_, statAfter := os.Stat(file)
				require.Equal(t, statBefore == nil, statAfter == nil)
				require.Equal(t, 1, strings.Count(log.String(), "termination log not written"), "it was asked for: %s", log.String())
				if name == "a device" { // seen before anything was written to it
					require.Contains(t, log.String(), "not a regular file")
				}
			})
		})
	}
}

func TestTheTerminationLogIsKubernetesDefaultUnlessItIsNone(t *testing.T) {
	require.Equal(t, "/dev/termination-log", graceful.TerminationLogOf(graceful.Options{}))
	require.Equal(t, "/x", graceful.TerminationLogOf(graceful.Options{TerminationLog: "/x"}))
	require.Equal(t, "", graceful.TerminationLogOf(graceful.Options{TerminationLog: "-"}))
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		opts := quietlyWithin(10 * time.Second)
		opts.TerminationLog = "-"
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		m.Add(1, graceful.Component{Name: "bad", Start: func(context.Context) error { return errMade }})
		_, err := m.Run(t.Context())
		require.Error(t, err)
		require.NotContains(t, log.String(), "termination log")
		require.NoFileExists(t, "-")
	})
}
