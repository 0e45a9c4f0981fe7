//go:build unix

package graceful

// What the kernel knows of a socket and package net does not tell.

import (
	"net"
	"os"
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

// packetQueued reports whether a datagram waits to be read, which may be an
// empty one; looked is false where it can't tell.
func packetQueued(c syscall.Conn) (there, looked bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false, false
	}
	var one [1]byte
	bad := raw.Control(func(fd uintptr) {
		_, _, err = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil, bad == nil
}

// queued takes a connection from the queue of ln, if there is one; looked is
// false where it can't tell. Unlike Accept it asks the kernel whatever time it
// is. It leaves listeners of other packages alone: their Accept may do more.
func queued(ln net.Listener) (c net.Conn, looked bool) {
	var sc syscall.Conn
	switch ln := ln.(type) {
	case *net.TCPListener:
		sc = ln
	case *net.UnixListener:
		sc = ln
	default:
		return nil, false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, false
	}
	fd, accept := -1, error(nil)
	err = raw.Control(func(listener uintptr) {
		syscall.ForkLock.RLock() // no child may get it before it is marked
		defer syscall.ForkLock.RUnlock()
		if fd, _, accept = syscall.Accept(int(listener)); accept == nil {
			syscall.CloseOnExec(fd)
		}
	})
	if err != nil || accept != nil {
		return nil, err == nil && accept == syscall.EAGAIN
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close() // FileConn has its own
	c, err = net.FileConn(f)
	if err != nil {
		return nil, false
	}
	return c, true
}
