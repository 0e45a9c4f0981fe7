//go:build !unix

package drive

// The driver builds everywhere, but does not run where a server can't be
// asked to stop.

import (
	"os"
	"syscall"
)

const canStop = false

func tied() *syscall.SysProcAttr { return nil }

const stopSignal, restartSignal = syscall.SIGTERM, syscall.SIGTERM

func send(int, syscall.Signal) error { return errNoSignals }

func exists(int) bool { return false }

func adopt() error { return nil }

func reap(int) (exit int, gone bool) { return 0, true }

func destroy(first *os.Process, _ int) { first.Kill() }
