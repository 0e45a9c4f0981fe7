package graceful

// How long the kernel waits for a peer that does not acknowledge, on Linux.

import (
	"net"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not name on
// every architecture.
const tcpUserTimeout = 0x12

// userTimeout gives up on a peer that acknowledges nothing for 20 s.
func userTimeout(c net.Conn) {
	raw := rawConn(c)
	if _, ok := c.(*net.TCPConn); !ok || raw == nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, 20_000) // a matter of comfort
	})
}
