//go:build unix

package graceful

// How a file is opened that may be anything.

import "syscall"

// openAtOnce keeps an open from waiting for the other end of a pipe.
const openAtOnce = syscall.O_NONBLOCK
