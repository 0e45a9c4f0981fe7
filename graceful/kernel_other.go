//go:build !unix

package graceful

// Where a socket can't be asked, its buffer is taken for empty, and its queue
// is left to Accept, or to ReadFrom.

import (
	"net"
	"syscall"
)

func unread(net.Conn) bool { return false }

func queued(net.Listener) (net.Conn, bool) { return nil, false }

func packetQueued(syscall.Conn) (there, looked bool) { return false, false }
