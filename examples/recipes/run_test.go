package recipes_test

// How the tests run a manager: up to ready, and through the stop.

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// running is a manager in the middle of its run.
type running struct {
	*graceful.Manager
	t    *testing.T
	over chan struct{}

	// there once over is closed
	report graceful.Report
	err    error
}

// run starts what add adds, and returns when it is ready.
func run(t *testing.T, add func(m *graceful.Manager)) *running {
	t.Helper()
	ready := make(chan struct{})
	r := &running{t: t, over: make(chan struct{})}
	r.Manager = graceful.New(graceful.Options{
		Budget:  15 * time.Second,
		Signals: []os.Signal{},
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		OnReady: func() { close(ready) },
	})
	add(r.Manager)
	go func() { // ends with Run, which the cleanup waits for
		defer close(r.over)
		r.report, r.err = r.Manager.Run(context.Background())
	}()
	t.Cleanup(func() {
		r.Stop(nil)
		<-r.over
	})
	select {
	case <-ready:
	case <-r.over:
		require.NoError(t, r.err)
		require.Fail(t, "ended before it was ready")
	case <-time.After(patience):
		require.Fail(t, "not ready in time")
	}
	return r
}

// end stops the manager and returns what became of the components.
func (r *running) end() (graceful.Report, error) {
	r.t.Helper()
	r.Stop(nil)
	return r.wait()
}

// wait waits for the end that something else has asked for.
func (r *running) wait() (graceful.Report, error) {
	r.t.Helper()
	receive(r.t, r.over)
	return r.report, r.err
}

// waits wants the stop to wait, for as long as a test can.
func (r *running) waits() {
	r.t.Helper()
	select {
	case <-r.over:
		require.Fail(r.t, "did not wait")
	case <-time.After(50 * time.Millisecond):
	}
}

// endsClean stops the manager and wants every component to have stopped.
func (r *running) endsClean() {
	r.t.Helper()
	report, err := r.end()
	require.NoError(r.t, err)
	for _, c := range report.Components {
		require.Equal(r.t, "stopped", c.Outcome, "%s", report)
	}
}

// receive returns what ch gives.
func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.Fail(t, "nothing came")
		panic("unreachable")
	}
}
