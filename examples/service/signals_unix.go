//go:build unix

package main

// The signal that asks for a restart, which Windows has not.

import (
	"os"
	"syscall"
)

var restartSignals = []os.Signal{syscall.SIGUSR2}
