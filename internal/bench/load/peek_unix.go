//go:build unix

package load

// This file is what a client can know of a connection before it writes to it.

import (
	"net"
	"syscall"
)

// closedByPeer reports whether the server's close has arrived. It does not wait
// and takes nothing of what there is to be read.
func closedByPeer(c net.Conn) (closed bool) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	var one [1]byte
	err = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = n == 0 && err == nil || err == syscall.ECONNRESET
	})
	return closed || err != nil
}
