//go:build !unix

package main

// Without SIGUSR2 nothing asks for a restart.

import "os"

var restartSignals []os.Signal
