//go:build unix

package drive

// Signals to a child, where there are signals.

import (
	"os"
	"syscall"
)

// canStop says whether a server can be asked to stop here.
const canStop = true

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// destroy kills the child's group, whose number is the child's pid. It must
// not be called once the child has been waited for, or the number might be
// another's; a child that has ended and was not waited for keeps its number.
func destroy(p *os.Process) {
	// Signal fails for a child that was waited for, and then nothing is sent.
	if p.Signal(syscall.SIGKILL) == nil {
		syscall.Kill(-p.Pid, syscall.SIGKILL)
	}
}
