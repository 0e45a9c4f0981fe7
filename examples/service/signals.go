package main

// The signals that don't stop the service; those that do are graceful's.

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// stopSignals end the service. SIGQUIT is among them, so it prints no stacks
// as it does in other Go programs; what hangs is in graceful's report.
var stopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}

// otherSignals returns a channel on which SIGHUP comes from now on. Without it
// that would end the process. (SIGUSR2 is graceful's, too.)
func otherSignals() chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals
}

// handleSignals does what those signals ask for, until ctx is done; what comes
// later is ignored. It has the shape of [graceful.Component]'s Run.
func (s *service) handleSignals(ctx context.Context, ready func()) error {
	ready()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.signals:
			s.reload()
		}
	}
}
