//go:build unix

package graceful

// How a message to the service manager is sent, and how a file is opened that
// may be anything.

import (
	"os"
	"syscall"
)

// openAtOnce keeps an open from waiting for the other end of a pipe.
const openAtOnce = syscall.O_NONBLOCK

const canNotify = true

// sendNotice sends one datagram, or fails: it never waits. Every message has
// a socket of its own, so that none is left to anybody, and a service manager
// that has bound its socket anew is found again. The kernel tells it who sent.
func sendNotice(addr, text string) error {
	syscall.ForkLock.RLock() // no child may get it before it is marked
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer syscall.Close(fd)
	for {
		err = syscall.Sendto(fd, []byte(text), syscall.MSG_DONTWAIT, &syscall.SockaddrUnix{Name: addr})
		if err != syscall.EINTR {
			return os.NewSyscallError("sendto", err)
		}
	}
}
