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
func Send(addr, text string) error { return send(addr, text, nil) }

// SendFile is Send with a descriptor, which stays the caller's.
func SendFile(addr, text string, file syscall.Conn) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = send(addr, text, syscall.UnixRights(int(fd))) }); err != nil {
		return err
	}
	return sent
}

func send(addr, text string, rights []byte) error {
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
		err = syscall.Sendmsg(fd, []byte(text), rights, &syscall.SockaddrUnix{Name: addr}, syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return os.NewSyscallError("sendmsg", err)
		}
	}
}
