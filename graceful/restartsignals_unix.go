//go:build unix

package graceful

// Which signal asks for a restart.

import (
	"os"
	"syscall"
)

// restartSignals ask for a restart, where that is enabled.
var restartSignals = []os.Signal{syscall.SIGUSR2}
