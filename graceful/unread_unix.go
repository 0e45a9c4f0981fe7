//go:build unix

package graceful

// What the kernel knows of a connection and net/http does not.

import (
	"net"
	"syscall"
)

// unread reports whether c has received bytes that nobody has read yet. It
// does not read them: the goroutine that serves c is doing that. (RawConn.Read
// would wait for that goroutine's lock.)
func unread(c net.Conn) bool {
	raw := rawConn(c)
	if raw == nil {
		return false
	}
	n := 0
	var one [1]byte
	_ = raw.Control(func(fd uintptr) {
		n, _, _ = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return n > 0
}
