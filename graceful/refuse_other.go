//go:build !linux

package graceful

// Keeping new TCP connections out of a listening socket, where there is no
// way to.

import (
	"errors"
	"net"
)

func refuse(net.Listener) error { return errors.ErrUnsupported }
