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

func terminate(*os.Process) error { return errNoSignals }

func destroy(p *os.Process) { p.Kill() }
