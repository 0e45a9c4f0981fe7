//go:build !unix

package graceful

// No signal asks for a restart here.

import "os"

// restartSignals are none where no process can take another's place.
var restartSignals []os.Signal
