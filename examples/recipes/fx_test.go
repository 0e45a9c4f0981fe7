package recipes_test

// An fx application in a manager, and a manager in an fx application.

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/belay-go/belay/examples/recipes"
	"github.com/belay-go/belay/graceful"
)

// journal notes what happens, in its order. It is used by one goroutine at a
// time, each ordered after the other by the manager or by fx.
type journal []string

func (j *journal) note(event string) func(context.Context) error {
	return func(context.Context) error { *j = append(*j, event); return nil }
}

func (j *journal) hook(name string) fx.Hook {
	return fx.Hook{OnStart: j.note("start " + name), OnStop: j.note("stop " + name)}
}

func TestAnFXApplicationStartsAndStopsInItsPhase(t *testing.T) {
	var j journal
	app := fx.New(fx.NopLogger, fx.Invoke(func(lc fx.Lifecycle) {
		lc.Append(j.hook("fx pool"))
		lc.Append(j.hook("fx worker"))
	}))
	r := run(t, func(m *graceful.Manager) {
		m.Add(0, graceful.Component{Name: "below", Start: j.note("start below"), Stop: j.note("stop below")})
		m.Add(1, recipes.FX(app, m.Stop))
		m.Add(2, graceful.Component{Name: "above", Start: j.note("start above"), Stop: j.note("stop above")})
	})
	r.endsClean()
	require.Equal(t, journal{
		"start below", "start fx pool", "start fx worker", "start above",
		"stop above", "stop fx worker", "stop fx pool", "stop below",
	}, j)
}

func TestAShutdownerInsideOfFXStopsEverythingInOrder(t *testing.T) {
	var j journal
	var inside fx.Shutdowner
	app := fx.New(fx.NopLogger, fx.Populate(&inside), fx.Invoke(func(lc fx.Lifecycle) { lc.Append(j.hook("fx")) }))
	r := run(t, func(m *graceful.Manager) {
		m.Add(1, recipes.FX(app, m.Stop))
		m.Add(2, graceful.Component{Name: "above", Stop: j.note("stop above")})
	})
	require.NoError(t, inside.Shutdown())
	report, err := r.wait()
	require.NoError(t, err)
	require.Equal(t, journal{"start fx", "stop above", "stop fx"}, j)
	var sig *graceful.SignalError
	require.ErrorAs(t, report.Cause, &sig)
	require.Equal(t, syscall.SIGTERM, sig.Signal)
}

func TestAnExitCodeFromInsideOfFXIsAFailure(t *testing.T) {
	var inside fx.Shutdowner
	app := fx.New(fx.NopLogger, fx.Populate(&inside))
	r := run(t, func(m *graceful.Manager) { m.Add(1, recipes.FX(app, m.Stop)) })
	require.NoError(t, inside.Shutdown(fx.ExitCode(7)))
	report, err := r.wait()
	require.ErrorContains(t, err, "graceful: fx: run: shut down from inside, exit code 7")
	require.Equal(t, 1, report.ExitCode())
}

func TestAnFXApplicationThatDoesNotStartIsTheManagersError(t *testing.T) {
	broken := errors.New("no such host")
	app := fx.New(fx.NopLogger, fx.Invoke(func(lc fx.Lifecycle) {
		lc.Append(fx.StartHook(func() error { return broken }))
	}))
	var m graceful.Manager
	m.Add(0, recipes.FX(app, m.Stop))
	_, err := m.Run(t.Context())
	require.ErrorIs(t, err, broken)
}

func TestFXStartsAndStopsAManager(t *testing.T) {
	var j journal
	app := fx.New(fx.NopLogger, fx.Provide(recipes.NewManager), fx.Invoke(
		func(lc fx.Lifecycle) { lc.Append(j.hook("pool")) },
		func(m *graceful.Manager) {
			m.Add(0, graceful.Component{Name: "a", Start: j.note("start a"), Stop: j.note("stop a")})
			m.Add(1, graceful.Component{Name: "b", Start: j.note("start b"), Stop: j.note("stop b")})
		}))
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, app.Start(ctx))
	cancel() // as fx does once it has started
	select {
	case end := <-app.Wait():
		require.Fail(t, "ended by itself", "%v", end)
	case <-time.After(50 * time.Millisecond):
	}
	require.Equal(t, journal{"start pool", "start a", "start b"}, j)
	require.NoError(t, app.Stop(t.Context()))
	require.Equal(t, journal{"start pool", "start a", "start b", "stop b", "stop a", "stop pool"}, j)
}

func TestAComponentThatFailsEndsTheFXApplication(t *testing.T) {
	broken := errors.New("lost its lease")
	fail := make(chan struct{})
	app := fx.New(fx.NopLogger, fx.Provide(recipes.NewManager), fx.Invoke(func(m *graceful.Manager) {
		m.Add(0, graceful.Func("worker", func(_ context.Context, ready func()) error {
			ready()
			<-fail
			return broken
		}))
	}))
	ended := app.Wait()
	require.NoError(t, app.Start(t.Context()))
	close(fail)
	require.Equal(t, 1, receive(t, ended).ExitCode)
	require.ErrorIs(t, app.Stop(t.Context()), broken)
}

func TestAManagerThatDoesNotStartFailsTheStartOfFX(t *testing.T) {
	broken := errors.New("no such table")
	app := fx.New(fx.NopLogger, fx.Provide(recipes.NewManager), fx.Invoke(func(m *graceful.Manager) {
		m.Add(0, graceful.Component{Name: "db", Start: func(context.Context) error { return broken }})
	}))
	require.ErrorIs(t, app.Start(t.Context()), broken)
}

func TestAStartOfFXThatIsGivenUpLeavesNothingRunning(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	var m *graceful.Manager
	app := fx.New(fx.NopLogger, fx.Provide(recipes.NewManager), fx.Populate(&m))
	stopped := make(chan struct{})
	m.Add(0, graceful.Component{Name: "below", Stop: func(context.Context) error { close(stopped); return nil }})
	m.Add(1, graceful.Component{Name: "slow", Start: func(ctx context.Context) error {
		giveUp()
		<-ctx.Done()
		return ctx.Err()
	}})
	require.ErrorIs(t, app.Start(ctx), context.Canceled)
	receive(t, stopped)
}
