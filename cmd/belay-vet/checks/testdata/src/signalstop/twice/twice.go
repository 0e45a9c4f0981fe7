// Package twice catches one signal for good, and others in passing.
package twice

import (
	"os"
	"os/signal"
	"syscall"
)

// The channel stays, so that these are caught in any case.
func subscribe() chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	return c
}

func onceMore(cancel func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, os.Interrupt)
	<-c
	cancel()
}

// This one isn't caught by the other.
func oneMore(cancel func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGHUP) // want "the registration stays"
	<-c
	cancel()
}

func all(cancel func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c) // want "the registration stays"
	<-c
	cancel()
}

func some(cancel func(), signals []os.Signal) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, signals...) // want "the registration stays"
	<-c
	cancel()
}

func variable(cancel func(), reload os.Signal) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, reload) // want "the registration stays"
	<-c
	cancel()
}

// Registrations that don't stay keep nothing caught.
func given() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	defer signal.Stop(c)
	<-c
}

func nameless(channels []chan os.Signal) { signal.Notify(channels[0], syscall.SIGHUP) }
