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
	"time"

	"github.com/belay-go/belay/internal/sdnotify"
)

// mostNotice is the longest message that is read; systemd's limit is the same.
const mostNotice = 4096

// notices is the socket at which one server says what it has to say. The zero
// value, and nil, is none.
type notices struct {
	conn *net.UnixConn
	path string
}

// listenTo makes the socket of a server, which speaks until it is gone. heard is
// called on a goroutine of its own, which ends with close.
func listenTo(dir string, number int, heard func(text string)) (*notices, error) {
	n := &notices{path: filepath.Join(dir, fmt.Sprintf("notify-%d", number))}
	if err := os.Remove(n.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	n.conn = conn
	go func() { // ends with the socket
		buf := make([]byte, mostNotice)
		for {
			k, err := conn.Read(buf)
			if err != nil {
				return
			}
			heard(string(buf[:k]))
		}
	}()
	return n, nil
}

func (n *notices) close() {
	if n == nil || n.conn == nil {
		return
	}
	_ = n.conn.Close()
	_ = os.Remove(n.path) // package net has done it already
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
			if server.state != stopping || s.stopping {
				s.tell("STATUS=" + s.named(server, f.Value))
			}
		case "MAINPID": // it has put another process in its place
			if pid, err := strconv.Atoi(f.Value); err == nil && pid > 1 {
				s.log.Info("another process speaks for it", "server", server.number, "was", server.pid, "pid", pid)
				server.pid = pid
			}
		}
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
