package graceful_test

// The signal that ends a context of signal.NotifyContext, in the moment in which
// only that context knows of it. SIGWINCH harms nobody.

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func TestASignalThatEndsTheContextFirstIsTheCauseAllTheSame(t *testing.T) {
	raised, raise := signal.NotifyContext(t.Context(), syscall.SIGWINCH)
	defer raise()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGWINCH))
	<-raised.Done()
	ctx, cancel := context.WithCancelCause(t.Context())
	m := graceful.New(graceful.Options{
		Signals: []os.Signal{syscall.SIGWINCH},
		Logger:  slog.New(slog.DiscardHandler),
		OnReady: func() { cancel(context.Cause(raised)) },
	})
	m.Add(1, graceful.Component{Name: "c", Stop: func(context.Context) error { return nil }})
	report, _ := m.Run(ctx)
	require.Equal(t, &graceful.SignalError{Signal: syscall.SIGWINCH}, report.Cause, "the signal itself came before the run and never comes again")
}
