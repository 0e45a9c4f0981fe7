//go:build !unix

package sdnotify

// Elsewhere no service manager listens.

import (
	"errors"
	"syscall"
)

// Supported says whether there may be somebody to send to.
const Supported = false

// Send fails.
func Send(_, _ string) error { return errors.ErrUnsupported }

// SendFile fails.
func SendFile(_, _ string, _ syscall.Conn) error { return errors.ErrUnsupported }
