//go:build unix

package handover

// The link: lines of JSON over a Unix socket, with descriptors.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// mostLine bounds a message, against a peer that is none.
const mostLine = 1 << 20

// A Link is the connection between the old process and the new one. Send may
// be called concurrently; Receive belongs to one goroutine.
type Link struct {
	conn *net.UnixConn

	sending sync.Mutex // keeps messages whole

	// Owned by the receiver.
	line []byte
	fds  []*os.File
	oob  []byte
	buf  []byte
}

// newLink takes f, a Unix socket of this process's own.
func newLink(f *os.File) (*Link, error) {
	defer f.Close() // FileConn has its own
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("the link is a %T", c)
	}
	return &Link{conn: u, oob: make([]byte, syscall.CmsgSpace(4*MostFiles)), buf: make([]byte, 4096)}, nil
}

// Send sends a message with its files, which stay the caller's. It waits while
// the other side doesn't read.
func (l *Link) Send(m Message) error {
	m.FDs = len(m.Files)
	if m.FDs > MostFiles {
		panic("BUG: too many descriptors for one message")
	}
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	var rights []byte
	if m.FDs > 0 {
		fds := make([]int, 0, m.FDs)
		for _, f := range m.Files {
			fd, err := duplicate(f)
			if err != nil {
				return err
			}
			defer syscall.Close(fd)
			fds = append(fds, fd)
		}
		rights = syscall.UnixRights(fds...)
	}
	l.sending.Lock()
	defer l.sending.Unlock()
	n, _, err := l.conn.WriteMsgUnix(line, rights, nil)
	if err == nil && n < len(line) {
		_, err = l.conn.Write(line[n:])
	}
	return err
}

// Receive returns the next message; io.EOF when the other side is gone, and an
// error that is [ErrBroken] for what isn't a message. After an error there is
// nothing more to receive. The files of the message are the caller's.
func (l *Link) Receive() (m Message, err error) {
	defer func() {
		if err != nil {
			l.drop()
		}
	}()
	for {
		if i := bytes.IndexByte(l.line, '\n'); i >= 0 {
			var m Message
			err := json.Unmarshal(l.line[:i], &m)
			l.line = l.line[i+1:]
			if err != nil {
				return Message{}, fmt.Errorf("%w: a message that isn't one: %w", ErrBroken, err)
			}
			if m.FDs < 0 || m.FDs > len(l.fds) {
				return Message{}, fmt.Errorf("%w: %q came without its descriptors", ErrBroken, m.Kind)
			}
			m.Files, l.fds = l.fds[:m.FDs:m.FDs], l.fds[m.FDs:]
			return m, nil
		}
		if len(l.line) > mostLine {
			return Message{}, fmt.Errorf("%w: a message of more than %d bytes", ErrBroken, mostLine)
		}
		if err := l.read(); err != nil {
			return Message{}, err
		}
	}
}

// drop closes the descriptors that no message has counted.
func (l *Link) drop() {
	for _, f := range l.fds {
		_ = f.Close()
	}
	l.fds = nil
}

// read takes in bytes and descriptors. The kernel never merges what came with
// descriptors with what came before, so those are there before the line that
// counts them is whole.
func (l *Link) read() error {
	n, oobn, _, _, err := l.conn.ReadMsgUnix(l.buf, l.oob)
	if oobn > 0 {
		if bad := l.keep(l.oob[:oobn]); err == nil {
			err = bad
		}
	}
	if err != nil {
		return err
	}
	if n == 0 && oobn == 0 {
		return io.EOF
	}
	l.line = append(l.line, l.buf[:n]...)
	return nil
}

func (l *Link) keep(oob []byte) error {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			continue // it is of another kind
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd) // package net has asked for it where it could
			l.fds = append(l.fds, os.NewFile(uintptr(fd), ""))
		}
	}
	return nil
}

// Close ends the link: the other side sees its end, and so does Receive.
func (l *Link) Close() error { return l.conn.Close() }

// duplicate returns another descriptor of f's file. It leaves alone whether the
// file blocks, which belongs to all descriptors of it: f.Fd would not.
func duplicate(f syscall.Conn) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	bad := raw.Control(func(from uintptr) { fd, err = dup(int(from)) })
	if bad != nil {
		return -1, bad
	}
	return fd, os.NewSyscallError("dup", err)
}

// dup returns a descriptor that no child inherits.
func dup(from int) (fd int, err error) {
	syscall.ForkLock.RLock() // no child may get it before it is marked
	defer syscall.ForkLock.RUnlock()
	if fd, err = syscall.Dup(from); err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

// Duplicate returns a file of its own for the socket s.
func Duplicate(s syscall.Conn, name string) (*os.File, error) {
	fd, err := duplicate(s)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
