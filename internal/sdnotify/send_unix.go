//go:build unix

package sdnotify

// How a message is sent.

import (
	"os"
	"syscall"
)

// Supported says whether there may be somebody to send to.
const Supported = true

// Send sends one datagram, or fails: it never waits. Every message has a socket
// of its own, so that none is left to anybody, and a listener that has bound its
// socket anew is found again. The kernel tells it who sent.
func Send(addr, text string) error {
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
