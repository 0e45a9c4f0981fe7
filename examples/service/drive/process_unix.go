//go:build unix

package drive

// Signals to a child, where there are signals.

import (
	"errors"
	"os"
	"syscall"
)

// canStop says whether a server can be asked to stop here.
const canStop = true

// A server is asked to stop, and to be replaced, by these.
const stopSignal, restartSignal = syscall.SIGTERM, syscall.SIGUSR2

func send(pid int, sig syscall.Signal) error { return syscall.Kill(pid, sig) }

// exists reports whether there is a process of that number, were it one that
// has ended and was not waited for.
func exists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// destroy kills the group of a server, whose number is the pid of its first
// process. It must not be called once all of its processes have been waited for,
// or the number might be another's; a process that has ended and was not waited
// for keeps its number, and so does a group with a process in it.
func destroy(first *os.Process, current int) {
	group, err := syscall.Getpgid(current)
	// Signal fails for a process that was waited for.
	if err == nil && group == first.Pid || first.Signal(syscall.SIGKILL) == nil {
		syscall.Kill(-first.Pid, syscall.SIGKILL)
	}
}
