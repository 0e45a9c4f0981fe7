package graceful_test

// What a long stop or start tells meanwhile, and what it costs one that is
// quick. The ways to hang are in zoo_test.go.

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// quietlyWithin is quietly with a budget.
func quietlyWithin(budget time.Duration) graceful.Options {
	opts := quietly()
	opts.Budget = budget
	return opts
}

func TestAFastStopTakesNoProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietlyWithin(10 * time.Second)
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		m.Add(0, worker("fast"), graceful.Component{Name: "slower", Stop: func(context.Context) error {
			time.Sleep(2 * time.Second)
			return nil
		}})
		m.Add(1, stopsAll(m))
		report, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Zero(t, graceful.Looks(m))
		require.NotContains(t, log.String(), "still stopping")
		require.NotContains(t, report.String(), "goroutine")
	})
}

func TestEachQuarterOfALongStopNamesWhatIsStillStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietlyWithin(10 * time.Second)
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		release := make(chan struct{})
		hang := func(context.Context) error { <-release; return nil }
		m.Add(0, graceful.Component{Name: "hangs in a bubble", Stop: hang}, worker("fine"))
		m.Add(1, graceful.Component{Name: "short", Limit: time.Second, Stop: hang})
		m.Add(2, stopsAll(m))
		report, _ := m.Run(t.Context())
		close(release)
		// At the quarters, and before and after each cut; the last quarter
		// and the cut then may share one.
		require.Contains(t, []int{7, 8}, graceful.Looks(m))
		var lines []string
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "still stopping") {
				lines = append(lines, line)
				require.LessOrEqual(t, len(line), 4<<10)
			}
		}
		require.Len(t, lines, 4, log.String())
		for i, after := range []string{"2.35s", "4.7s", "7.05s", "9.4s"} {
			require.Contains(t, lines[i], "level=WARN")
			require.Regexp(t, fmt.Sprintf(`percent=%d left=\S+ after=%s `, 25*(i+1), regexp.QuoteMeta(after)), lines[i])
			require.Regexp(t, `hangs in a bubble \(stopping for \d\.\d s\): chan receive, 1 goroutine, graceful_test\.\S+ \S+hang_test\.go:\d+`, lines[i])
			require.Regexp(t, `short \(stuck for \d\.\d s\): chan receive, 1 goroutine, `, lines[i])
			require.NotContains(t, lines[i], "fine")
		}
		require.NotContains(t, report.String(), "later", "it never moved")
		require.Contains(t, log.String(), `outcome=stuck`)
		require.Regexp(t, `msg="graceful: component" .*where="chan receive, 1 goroutine, `, log.String())
	})
}

func TestALineOfTheLogIsShortHoweverManyHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietlyWithin(10 * time.Second)
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		release := make(chan struct{})
		for i := range 100 {
			m.Add(0, graceful.Component{Name: fmt.Sprint("one of many ", i), Stop: func(context.Context) error {
				select {
				case <-release:
				case <-time.After(4 * time.Second):
				}
				return nil
			}})
		}
		m.Add(1, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, graceful.Looks(m), "one for all")
		line := log.String()[strings.Index(log.String(), `msg="graceful: still stopping"`):]
		line, _, _ = strings.Cut(line, "\n")
		require.LessOrEqual(t, len(line), 4<<10-100, "with its time and level")
		require.Regexp(t, `one of many 0 .*; and \d+ more"$`, line)
	})
}

func TestWhatMovesAfterTheCutIsSlowAndNotStuckInOnePlace(t *testing.T) {
	t.Parallel()
	cage := newCage(t)
	m := graceful.New(quietlyWithin(400 * time.Millisecond))
	cut := make(chan struct{})
	m.Add(0, graceful.Component{
		Name: "moves",
		Stop: func(context.Context) error {
			<-cut
			cage.locks()
			return nil
		},
		Cut: func() { close(cut) },
	})
	m.Add(1, stopsAll(m))
	report, _ := m.Run(t.Context())
	require.Regexp(t, `; later mutex, 1 goroutine, graceful_test\.\(\*cage\)\.locks \S+:\d+$`, report.Components[1].Where)
}

func TestALabelOfTheComponentsOwnKeepsItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		release := make(chan struct{})
		labels := map[string]string{}
		note := func(where string, ctx context.Context) {
			pprof.Do(ctx, pprof.Labels("own", "x"), func(ctx context.Context) {
				labels[where], _ = pprof.Label(ctx, "graceful.component")
			})
		}
		m.Add(0, graceful.Component{
			Name:  "labels its own",
			Limit: time.Second,
			Start: func(ctx context.Context) error { note("start", ctx); return nil },
			Run: func(ctx context.Context, ready func()) error {
				note("run", ctx)
				ready()
				pprof.Do(ctx, pprof.Labels("own", "x"), func(context.Context) { <-release })
				return nil
			},
			Stop: func(ctx context.Context) error { note("stop", ctx); return nil },
		})
		m.Add(1, stopsAll(m))
		report, _ := m.Run(t.Context())
		close(release)
		require.Contains(t, report.Components[1].Where, "chan receive, 1 goroutine, ")
		const name = "labels its own"
		require.Equal(t, map[string]string{"start": name, "run": name, "stop": name}, labels)
	})
}
