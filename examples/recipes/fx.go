package recipes

// go.uber.org/fx, both ways round: an fx application as one component among
// others, or the manager as one hook of an application.

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.uber.org/fx"

	"github.com/belay-go/belay/graceful"
)

// FX makes an application that was built with fx a component; don't call its
// Run, which waits for signals and exits. Start and Stop are fx's own, with
// the hooks in their order. stop is the manager's Stop: an fx.Shutdowner inside
// of the application would otherwise be heard by nobody.
//
// fx listens for SIGTERM too once somebody waits for its end, and may be the
// first to tell of it; so what it tells has to look like what the manager would
// have seen.
func FX(app *fx.App, stop func(cause error)) graceful.Component {
	return graceful.Component{
		Name:  "fx",
		Start: app.Start,
		Stop:  app.Stop,
		Run: func(ctx context.Context, ready func()) error {
			ended := app.Wait()
			ready()
			select {
			case <-ctx.Done():
			case end := <-ended:
				if end.ExitCode != 0 {
					return fmt.Errorf("shut down from inside, exit code %d", end.ExitCode)
				}
				stop(&graceful.SignalError{Signal: end.Signal})
				<-ctx.Done() // its turn comes when what is above it has stopped
			}
			return nil
		},
	}
}

// NewManager is for fx.Provide: constructors and fx.Invoke add components to
// the manager, fx starts and stops it. Signals are left to fx. A component that
// fails ends the application, with the report's exit code.
//
// The budget is below the 15 s that fx gives all hooks together; more needs
// fx.StopTimeout. fx's context is of the start only, so Run must not get it.
func NewManager(lc fx.Lifecycle, app fx.Shutdowner) *graceful.Manager {
	up, over := make(chan struct{}), make(chan struct{})
	m := graceful.New(graceful.Options{
		Budget:  13 * time.Second,
		Signals: []os.Signal{},
		OnReady: func() { close(up) },
	})
	var err error // of Run; there once over is closed
	lc.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			go func() { // ends with Run, which OnStop waits for
				defer close(over)
				var report graceful.Report
				if report, err = m.Run(context.WithoutCancel(ctx)); err != nil {
					_ = app.Shutdown(fx.ExitCode(report.ExitCode())) // fails if nobody waits for fx's end
				}
			}()
			select {
			case <-up:
				return nil
			case <-ctx.Done(): // fx calls no OnStop of a hook that did not start
				m.Stop(context.Cause(ctx))
				<-over
			case <-over:
			}
			return err
		},
		OnStop: func(ctx context.Context) error {
			m.Stop(nil)
			select {
			case <-over:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	})
	return m
}
