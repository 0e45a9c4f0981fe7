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
	"sync"
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
	m := graceful.New(quietlyWithin(2 * time.Second))
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

// logged returns options with a log that can be read once Run has returned.
func logged(budget time.Duration) (graceful.Options, *bytes.Buffer) {
	opts, log := quietlyWithin(budget), new(bytes.Buffer)
	opts.Logger = slog.New(slog.NewTextHandler(log, nil))
	return opts, log
}

// linesOf returns the lines of a log that have text in them.
func linesOf(log *bytes.Buffer, text string) (lines []string) {
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestAStopWithoutABudgetTellsWhereverItsTimeHasDoubled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, log := logged(-1)
		m := graceful.New(opts)
		m.Add(0, graceful.Component{Name: "slow", Stop: func(context.Context) error {
			time.Sleep(time.Minute)
			return nil
		}})
		m.Add(1, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		lines := linesOf(log, `level=WARN msg="graceful: still stopping"`)
		require.Len(t, lines, 4, log)
		for i, after := range []string{"5s", "10s", "20s", "40s"} {
			require.Regexp(t, ` after=`+after+` components="slow \(stopping for \d+\.0 s\): sleep, 1 goroutine, graceful_test\.\S+ \S+hang_test\.go:\d+"\n$`, lines[i])
			require.NotContains(t, lines[i], "percent")
			require.NotContains(t, lines[i], "left")
		}
		require.Equal(t, 4, graceful.Looks(m))
	})
}

func TestAStartThatTakesLongTellsWhoIsNotUpAndWhereItHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, log := logged(0)
		m := graceful.New(opts)
		up := func(after time.Duration) func(context.Context) error {
			return func(context.Context) error { time.Sleep(after); return nil }
		}
		m.Add(0, worker("up"), graceful.Component{Name: "cache", Start: up(15 * time.Second)})
		m.Add(1, graceful.Component{Name: "db", Start: up(30 * time.Second)}, graceful.Func("consumer", func(ctx context.Context, ready func()) error {
			time.Sleep(20 * time.Second)
			ready()
			<-ctx.Done()
			return nil
		}))
		m.Add(2, worker("later"))
		time.AfterFunc(10*time.Minute, func() { m.Stop(nil) })
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		lines := linesOf(log, `level=WARN msg="graceful: still starting"`)
		require.Len(t, lines, 3, log)
		const where = `: sleep, 1 goroutine, graceful_test\.\S+ \S+hang_test\.go:\d+`
		require.Regexp(t, ` after=10s components="cache \(starting for 10\.0 s\)`+where+`"\n$`, lines[0])
		require.Regexp(t, ` after=20s components="db \(starting for 5\.0 s\)`+where+`; consumer \(starting for 5\.0 s\)`+where+`"\n$`, lines[1])
		require.Regexp(t, ` after=40s components="db \(starting for 25\.0 s\)`+where+`"\n$`, lines[2])
		require.Equal(t, 3, graceful.Looks(m), "none once it is ready")
		require.Empty(t, linesOf(log, "still stopping"))
	})
}

func TestAStopWhileStartingTellsOfTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, log := logged(10 * time.Second)
		m := graceful.New(opts)
		release := make(chan struct{})
		m.Add(0, graceful.Component{Name: "deaf", Start: func(context.Context) error { <-release; return nil }})
		time.AfterFunc(12*time.Second, func() { m.Stop(nil) })
		report, _ := m.Run(t.Context())
		close(release)
		require.Equal(t, "stuck", report.Components[0].Outcome)
		require.Len(t, linesOf(log, "still starting"), 1, log)
		lines := linesOf(log, "still stopping")
		require.Len(t, lines, 4, log)
		require.Contains(t, lines[0], `percent=25 left=`)
		require.Contains(t, lines[0], `deaf (stopping for 2.4 s): chan receive, 1 goroutine, `)
	})
}

func TestTheLastLineNamesWhatDidNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, log := logged(10 * time.Second)
		m := graceful.New(opts)
		release := make(chan struct{})
		m.Add(0, worker("fine"), graceful.Component{Name: "bad", Stop: func(context.Context) error { panic("made") }})
		m.Add(1, graceful.Component{Name: "deaf", Limit: time.Second, Stop: func(context.Context) error { <-release; return nil }}, stopsAll(m))
		_, err := m.Run(t.Context())
		require.Error(t, err)
		close(release)
		lines := strings.SplitAfter(strings.TrimSpace(log.String()), "\n")
		require.Regexp(t, `msg="graceful: stopped" .* components="deaf \(stuck\): chan receive, 1 goroutine, graceful_test\.\S+ \S+; bad \(panicked\): panic, 1 goroutine, graceful_test\.\S+ \S+hang_test\.go:\d+"$`, lines[len(lines)-1])

		opts, log = logged(10 * time.Second)
		m = graceful.New(opts)
		m.Add(1, worker("fine"), stopsAll(m))
		_, err = m.Run(t.Context())
		require.NoError(t, err)
		require.Regexp(t, `msg="graceful: stopped" .* code=0\n$`, log.String())
	})
}

// twins is a component that hangs in its stop, at a line of its own for each
// of two managers.
func twins(name string, release <-chan struct{}) (a, b graceful.Component) {
	return graceful.Component{Name: name, Limit: time.Second, Stop: func(context.Context) error { hangsA(release); return nil }},
		graceful.Component{Name: name, Limit: time.Second, Stop: func(context.Context) error { hangsB(release); return nil }}
}

func hangsA(release <-chan struct{}) { <-release }
func hangsB(release <-chan struct{}) { <-release }

func TestTwoManagersOfOneProcessAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		a, b := twins("db", release)
		reports := make(chan graceful.Report, 2)
		for _, c := range []graceful.Component{a, b} {
			m := graceful.New(quietly())
			m.Add(0, c)
			m.Add(1, stopsAll(m))
			go func() { // ends with the stop
				report, _ := m.Run(context.Background())
				reports <- report
			}()
			synctest.Wait()
		}
		first, second := (<-reports).Components[1], (<-reports).Components[1]
		close(release)
		require.NotEqual(t, first.Where, second.Where)
		for _, got := range []graceful.Result{first, second} {
			require.Regexp(t, `^chan receive, 1 goroutine, graceful_test\.hangs[AB] `, got.Where)
			require.Equal(t, 1, strings.Count(got.Stacks, "graceful_test.hangs"), got.Stacks)
		}
	})
}

func TestAManagerInAComponentIsToldApartAndSeenThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		a, b := twins(`a "name"`, release)
		outer := graceful.New(quietly())
		var report graceful.Report
		plant := graceful.Func("plant", func(ctx context.Context, ready func()) error {
			opts := quietly()
			opts.OnReady = ready
			inner := graceful.New(opts)
			inner.Add(0, b)
			inner.Add(1, worker("idle"))
			report, _ = inner.Run(ctx)
			<-release
			return nil
		})
		plant.Limit = 500 * time.Millisecond // the inner one is in its stop then
		outer.Add(0, a, plant)
		outer.Add(1, stopsAll(outer))
		got, _ := outer.Run(t.Context())
		time.Sleep(time.Minute)
		close(release)
		synctest.Wait()
		require.Contains(t, got.Components[1].Where, "graceful_test.hangsA ")
		require.Equal(t, 1, strings.Count(got.Components[1].Stacks, "graceful_test.hangs"), got.Components[1].Stacks)
		require.Equal(t, "plant", got.Components[2].Name)
		require.Contains(t, got.Components[2].Where, "graceful_test.hangsB ", "what hangs in the inner one is the outer one's too")
		require.Equal(t, 1, strings.Count(got.Components[2].Stacks, "graceful_test.hangs"), got.Components[2].Stacks)
		require.Contains(t, report.Components[1].Where, "graceful_test.hangsB ")
		require.Equal(t, 1, strings.Count(report.Components[1].Stacks, "graceful_test.hangs"), report.Components[1].Stacks)
	})
}

func TestALookSharesAProfileOnlyIfItIsFreshEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		before := time.Now()
		time.Sleep(time.Second)
		end := graceful.BeginProfile(m, "the one under way")
		during := time.Now()
		time.Sleep(time.Second)
		var shared, same, own string
		var wg sync.WaitGroup
		wg.Go(func() { shared = graceful.ProfileSince(m, before) })
		wg.Go(func() { same = graceful.ProfileSince(m, during) })
		wg.Go(func() { own = graceful.ProfileSince(m, time.Now()) })
		synctest.Wait()
		require.Zero(t, graceful.Looks(m))
		end()
		wg.Wait()
		require.Equal(t, "the one under way", shared)
		require.Equal(t, "the one under way", same)
		require.Contains(t, own, "goroutine profile: total ")
		require.Equal(t, 1, graceful.Looks(m))
	})
}

func TestThePercentsOfABudgetAreThoseOfItsQuarters(t *testing.T) {
	b := graceful.NewBudget(10*time.Second, 3, noon) // 9.4 s of it until the last cut
	for after, want := range map[time.Duration]int{
		0: 0, 2350 * time.Millisecond: 25, 4700 * time.Millisecond: 50, 9399 * time.Millisecond: 99,
		9400 * time.Millisecond: 100, 9500 * time.Millisecond: 100, time.Minute: 100,
	} {
		require.Equal(t, want, b.Percent(noon.Add(after)), "%v", after)
	}
	require.Equal(t, 100, graceful.NewBudget(1, 1, noon).Percent(noon), "nothing is left of nothing")
}
