//go:build unix

package main

// What servers say, and what is said of them further up.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/belay-go/belay/internal/sdnotify"
)

// mostNotice is the longest message that is read; systemd's limit is the same.
const mostNotice = 4096

// noticesName is followed by the server's number.
const noticesName = "notify-"

// notices is the socket at which one server says what it has to say. The zero
// value, and nil, is none.
type notices struct {
	conn  *net.UnixConn
	path  string
	heard func(text string)

	mu struct {
		sync.Mutex
		then []func() // to be called when all that was said by now is heard
	}
}

// listenTo makes the socket of a server, which speaks until it is gone. heard is
// called on a goroutine of its own, which ends with close.
func listenTo(dir string, number int, heard func(text string)) (*notices, error) {
	n := &notices{path: filepath.Join(dir, noticesName+strconv.Itoa(number)), heard: heard}
	if err := os.Remove(n.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	n.conn = conn
	go n.listen() // ends with the socket
	return n, nil
}

func (n *notices) listen() {
	buf := make([]byte, mostNotice)
	for {
		k, err := n.conn.Read(buf)
		switch {
		case err == nil:
			n.heard(string(buf[:k]))
		case errors.Is(err, os.ErrDeadlineExceeded):
			n.catchUp(buf)
		default:
			return
		}
	}
}

// after has f called, on the goroutine that calls heard, once all that has been
// said by now is heard. Without it the end of a process could overtake what the
// process has said before.
func (n *notices) after(f func()) {
	n.mu.Lock()
	n.mu.then = append(n.mu.then, f)
	n.mu.Unlock()
	_ = n.conn.SetReadDeadline(time.Unix(1, 0)) // wakes the goroutine
}

// catchUp hears what is in the socket. The deadline goes first, so that one which
// is set meanwhile is not lost.
func (n *notices) catchUp(buf []byte) {
	_ = n.conn.SetReadDeadline(time.Time{})
	n.mu.Lock()
	then := n.mu.then
	n.mu.then = nil
	n.mu.Unlock()
	raw, err := n.conn.SyscallConn()
	if err != nil {
		return // can't be: it is open
	}
	for {
		k, got := 0, syscall.EBADF
		_ = raw.Control(func(fd uintptr) { // Read would heed the next deadline
			k, got = receive(int(fd), buf)
		})
		if got != 0 {
			break
		}
		n.heard(string(buf[:k])) // not in there: it may wait, and close waits for that
	}
	for _, f := range then {
		f()
	}
}

// receive takes a message if there is one.
func receive(fd int, buf []byte) (k int, errno syscall.Errno) {
	for {
		k, _, err := syscall.Recvfrom(fd, buf, syscall.MSG_DONTWAIT)
		if err == nil {
			return k, 0
		}
		if err != syscall.EINTR {
			return 0, syscall.EAGAIN
		}
	}
}

func (n *notices) close() {
	if n == nil || n.conn == nil {
		return
	}
	_ = n.conn.Close()
	_ = os.Remove(n.path)
}

// removeOld removes the sockets that a killed predecessor has left. Nobody else
// has the control socket by then, and so nobody else's are there.
func removeOld(dir string) {
	old, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range old {
		if entry.Type() == os.ModeSocket && strings.HasPrefix(entry.Name(), noticesName) {
			_ = os.Remove(filepath.Join(dir, entry.Name())) // the bind says it if it matters
		}
	}
}

// noticed takes in a message of a server's.
func (s *supervisor) noticed(server *server, text string, now time.Time) {
	for _, f := range sdnotify.Parse(text) {
		switch f.Name {
		case "READY":
			if f.Value == "1" && s.after == 0 {
				s.isReady(server, now)
			}
		case "STATUS":
			server.said = f.Value
			if server.state == starting || server.state == ready || s.stopping {
				s.tell("STATUS=" + s.named(server, f.Value))
			}
		case "MAINPID": // it has put another process in its place
			s.speaks(server, f.Value)
		}
	}
}

// speaks makes another process the one that the server is. It must be one that we
// can see the end of.
func (s *supervisor) speaks(server *server, text string) {
	pid, err := strconv.Atoi(text)
	switch {
	case server.state == gone || server.state == outlived, pid == server.pid && err == nil:
	case err != nil || pid <= 1 || !s.ours(pid):
		s.log.Warn("it names a process that is none of its own", "server", server.number, "pid", text)
	default:
		s.log.Info("another process speaks for it", "server", server.number, "was", server.pid, "pid", pid)
		server.pid, server.reaped = pid, false
	}
}

// named is a status as it is passed on: with the server's number, if there are
// several.
func (s *supervisor) named(server *server, text string) string {
	if len(s.slots) > 1 {
		text = fmt.Sprintf("server %d: %s", server.number, text)
	}
	return oneLine(text)
}

// reloading is what the service manager has to hear at the beginning of a
// restart, in one message.
func reloading() string {
	text := "RELOADING=1"
	if usec, ok := sdnotify.Monotonic(); ok {
		text += fmt.Sprintf("\nMONOTONIC_USEC=%d", usec)
	}
	return text + "\nSTATUS=restarting"
}
