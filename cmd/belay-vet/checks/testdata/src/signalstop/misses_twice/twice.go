// Package twice catches signals for good that only a run of it knows.
package twice

import (
	"os"
	"os/signal"
	"syscall"
)

func subscribe(reap bool) chan os.Signal {
	c := make(chan os.Signal, 1)
	signals := []os.Signal{syscall.SIGTERM}
	if reap {
		signals = append(signals, syscall.SIGCHLD)
	}
	signal.Notify(c, signals...)
	return c
}

func onceMore(cancel func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	<-c
	cancel()
}
