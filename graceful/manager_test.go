package graceful_test

// The manager's promises, one by one, in bubbles and without sockets.

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/graceful"
)

// worker is up at once and ends with its context.
func worker(name string) graceful.Component {
	return graceful.Func(name, func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		return nil
	})
}

// outcomes are a report's, by name.
func outcomes(rep graceful.Report) map[string]string {
	got := map[string]string{}
	for _, c := range rep.Components {
		got[c.Name] = c.Outcome
	}
	return got
}

func TestAManagerIsReadyOnlyWhenEveryComponentSaidSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietly()
		var readyAt time.Duration
		began := time.Now()
		opts.OnReady = func() { readyAt = time.Since(began) }
		m := graceful.New(opts)
		m.Add(1, graceful.Func("slow", func(ctx context.Context, ready func()) error {
			time.Sleep(time.Second) // runs, and is not up
			ready()
			<-ctx.Done()
			return nil
		}))
		m.Add(2, worker("fast"))
		go m.Run(t.Context()) // ends with the test's context
		time.Sleep(time.Second - 1)
		synctest.Wait()
		require.Equal(t, "starting", m.State())
		time.Sleep(1)
		synctest.Wait()
		require.Equal(t, "ready", m.State())
		require.Equal(t, time.Second, readyAt)
	})
}

func TestAComponentsContextOutlivesTheSignalUntilItsOwnStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		why := errors.New("enough")
		var cause error
		var drained, gone time.Duration
		began := time.Now()
		m.Add(1, graceful.Func("worker", func(ctx context.Context, ready func()) error {
			ready()
			<-graceful.Draining(ctx)
			drained = time.Since(began)
			<-ctx.Done()
			gone, cause = time.Since(began), context.Cause(ctx)
			return ctx.Err()
		}))
		m.Add(2, graceful.Component{Name: "above", Stop: func(ctx context.Context) error {
			time.Sleep(time.Second)
			return nil
		}})
		go func() { // ends after a minute
			time.Sleep(time.Minute)
			m.Stop(why)
		}()
		report, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, why, report.Cause)
		require.Equal(t, why, cause)
		require.Equal(t, time.Minute+time.Second, drained)
		require.Equal(t, time.Minute+time.Second, gone)
		require.Equal(t, 0, report.ExitCode())
	})
}

func TestWhatFailsStopsTheRestAndIsTheErrorOfRun(t *testing.T) {
	failures := map[string]struct {
		c     graceful.Component
		stage string
		err   error
	}{
		"start": {graceful.Component{Name: "bad", Start: func(context.Context) error { return errMade }}, "start", errMade},
		"run": {graceful.Func("bad", func(_ context.Context, ready func()) error {
			ready()
			time.Sleep(time.Hour)
			return errMade
		}), "run", errMade},
		"goexit in run":   {graceful.Func("bad", func(context.Context, func()) error { runtime.Goexit(); return nil }), "run", belay.ErrGoexit},
		"goexit in start": {graceful.Component{Name: "bad", Start: func(context.Context) error { runtime.Goexit(); return nil }}, "start", belay.ErrGoexit},
	}
	for name, f := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := graceful.New(quietly())
				m.Add(1, worker("below"))
				m.Add(2, f.c, worker("beside"))
				report, err := m.Run(t.Context())
				var failed *graceful.ComponentError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, "bad", failed.Name)
				require.Equal(t, f.stage, failed.Stage)
				require.ErrorIs(t, err, f.err)
				require.Equal(t, failed, report.Cause)
				require.Equal(t, map[string]string{"below": "stopped", "bad": "failed", "beside": "stopped"}, outcomes(report))
				require.Equal(t, 1, report.ExitCode())
			})
		})
	}
}

func TestAReturnBeforeTheStopIsAFailureUnlessItMayEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := graceful.Func("job", func(_ context.Context, ready func()) error { return nil })
		m := graceful.New(quietly())
		m.Add(1, ends)
		_, err := m.Run(t.Context())
		require.EqualError(t, err, "graceful: job: run: returned before its stop")

		ends.MayEnd = true
		m = graceful.New(quietly())
		m.Add(1, ends)
		done := make(chan error)
		go func() { // ends with Run
			_, err := m.Run(t.Context())
			done <- err
		}()
		synctest.Wait()
		require.Equal(t, "ready", m.State())
		m.Stop(nil)
		require.NoError(t, <-done)
	})
}

func TestErrorsOfTheStopDoNotReplaceItsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := errors.New("second")
		m := graceful.New(quietly())
		m.Add(1, graceful.Component{Name: "below", Stop: func(context.Context) error { return second }})
		m.Add(2, graceful.Component{Name: "bad", Start: func(context.Context) error { return errMade }})
		report, err := m.Run(t.Context())
		require.EqualError(t, err, "graceful: bad: start: made to fail\ngraceful: below: stop: second")
		require.ErrorIs(t, report.Cause, errMade)
		require.NotErrorIs(t, report.Cause, second)
	})
}

func TestAPanicOfAStopHookIsContainedAndTheOthersStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		stopped := 0
		count := func(context.Context) error { stopped++; return nil }
		m.Add(1, graceful.Component{Name: "below", Stop: count})
		m.Add(2, graceful.Component{Name: "bad", Stop: func(context.Context) error { panic(errMade) }})
		m.Add(3, graceful.Component{Name: "above", Stop: count})
		m.Stop(nil)
		_, err := m.Run(t.Context())
		require.NoError(t, err) // stopped before it ran: nothing was started
		require.Zero(t, stopped)

		m = graceful.New(quietly())
		m.Add(1, graceful.Component{Name: "below", Stop: count})
		m.Add(2, graceful.Component{Name: "bad", Stop: func(context.Context) error { panic(errMade) }})
		m.Add(3, graceful.Component{Name: "above", Stop: count}, stopsAll(m))
		report, err := m.Run(t.Context())
		var p *belay.PanicError
		require.ErrorAs(t, err, &p)
		require.ErrorIs(t, err, errMade)
		require.Contains(t, string(p.Stack), "manager_test.go")
		require.Equal(t, 2, stopped)
		require.Equal(t, 1, report.ExitCode())
		require.Equal(t, "panicked", outcomes(report)["bad"])
	})
}

// stopsAll stops the manager from inside, before it can have told anybody that it is up.
func stopsAll(m *graceful.Manager) graceful.Component {
	return graceful.Func("stopper", func(ctx context.Context, ready func()) error {
		m.Stop(nil)
		ready()
		<-ctx.Done()
		return nil
	})
}

func TestAStopFromInsideAComponentDoesNotDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		m.Add(1, stopsAll(m), worker("beside"))
		report, err := m.Run(t.Context())
		require.NoError(t, err)
		require.EqualError(t, report.Cause, "graceful: stop asked for by the program")
		m.Stop(errMade) // after Run: nothing
		require.Equal(t, "done", m.State())
	})
}

func TestManyStopsAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		stops := 0
		m.Add(1, graceful.Component{Name: "c", Stop: func(context.Context) error { stops++; return nil }})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { time.Sleep(time.Second); m.Stop(nil) })
		}
		_, err := m.Run(t.Context())
		wg.Wait()
		require.NoError(t, err)
		require.Equal(t, 1, stops)
	})
}

func TestADoneContextStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errMade)
		m := graceful.New(quietly())
		m.Add(1, graceful.Component{Name: "c", Start: func(context.Context) error { panic("started") }})
		report, err := m.Run(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errMade)
		require.Equal(t, "never started", outcomes(report)["c"])
	})
}

func TestABindErrorComesBeforeAnyStart(t *testing.T) {
	m := graceful.New(quietly())
	m.Add(1, graceful.Component{Name: "first", Start: func(context.Context) error { panic("started") }})
	m.Add(2, graceful.Server("web", "127.0.0.1:0", &fakeServer{}), graceful.Server("bad", "127.0.0.1:no-such-port", &fakeServer{}))
	report, err := m.Run(t.Context())
	var failed *graceful.ComponentError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "bind", failed.Stage)
	require.Equal(t, "bad", failed.Name)
	require.Equal(t, map[string]string{"first": "never started", "web": "never started", "bad": "failed"}, outcomes(report))
	require.Equal(t, 1, report.ExitCode())
	require.False(t, report.Ready)
}

func TestTheBudgetIsSharedAndWhatHangsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := quietly()
		opts.Budget = 3 * time.Second
		m := graceful.New(opts)
		release := make(chan struct{})
		defer close(release)
		for i := range 5 {
			c := graceful.Func(string(rune('a'+i)), func(_ context.Context, ready func()) error {
				ready()
				<-release
				return nil
			})
			c.Limit = 10 * time.Second
			m.Add(i, c)
		}
		m.Add(9, stopsAll(m))
		began := time.Now()
		report, err := m.Run(t.Context())
		require.LessOrEqual(t, time.Since(began), 2700*time.Millisecond)
		require.Equal(t, 3, report.ExitCode())
		for _, c := range report.Components[1:] {
			require.Equal(t, "stuck", c.Outcome)
			require.ErrorIs(t, c.Err, context.DeadlineExceeded)
			require.GreaterOrEqual(t, c.Planned, 200*time.Millisecond)
		}
		var timeout *ctxutil.TimeoutError
		require.ErrorAs(t, err, &timeout)
		require.Equal(t, "e", timeout.Name)
		require.Contains(t, report.String(), "STUCK")
	})
}

func TestACutTellsItsCauseToTheComponent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		cut := make(chan struct{})
		c := graceful.Component{
			Name:  "c",
			Limit: time.Second,
			Stop: func(ctx context.Context) error {
				<-cut
				return context.Cause(ctx)
			},
			Cut: func() { close(cut) },
		}
		m.Add(1, c, stopsAll(m))
		report, err := m.Run(t.Context())
		var timeout *ctxutil.TimeoutError
		require.ErrorAs(t, err, &timeout)
		require.Equal(t, "c", timeout.Name)
		require.Equal(t, "cut", outcomes(report)["c"])
		require.Equal(t, time.Second, report.Components[0].Used)
	})
}

func TestAZeroManagerWorksAndKeepsItsValues(t *testing.T) {
	type key struct{}
	var m graceful.Manager
	var value any
	m.Add(0, graceful.Func("c", func(ctx context.Context, ready func()) error {
		ready()
		value = ctx.Value(key{})
		m.Stop(nil)
		<-ctx.Done()
		return nil
	}))
	report, err := m.Run(context.WithValue(t.Context(), key{}, "value"))
	require.NoError(t, err)
	require.Equal(t, "value", value)
	require.Equal(t, 25*time.Second, report.Budget)
}

func TestDrainingOfAStrangeContextIsNeverReady(t *testing.T) {
	require.Nil(t, graceful.Draining(context.Background()))
}
