//go:build unix

package main

// The sockets that are held.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
)

// socket is one that is held for the servers.
type socket struct {
	name          string
	network, addr string

	file *os.File
	path string // of a Unix socket, to be removed at the end
}

var socketName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// parseSocket reads [NAME=]ADDR.
func parseSocket(text string) (socket, error) {
	s := socket{name: "listen", network: "tcp", addr: text}
	if name, addr, ok := strings.Cut(text, "="); ok && socketName.MatchString(name) {
		s.name, s.addr = name, addr
	}
	switch kind, rest, _ := strings.Cut(s.addr, ":"); kind {
	case "unix", "unixgram", "udp", "tcp":
		s.network, s.addr = kind, rest
	}
	if s.network == "unix" || s.network == "unixgram" {
		if s.addr == "" {
			return s, errors.New("want unix:PATH")
		}
		return s, nil
	}
	if _, _, err := net.SplitHostPort(s.addr); err != nil {
		return s, errors.New("want host:port, unix:PATH or udp:host:port")
	}
	return s, nil
}

// open binds the socket. It blocks, as servers expect of one that they are given:
// who wants it otherwise says so himself.
func (s *socket) open() error {
	if s.network == "unix" || s.network == "unixgram" {
		if err := removeStale(s.network, s.addr); err != nil {
			return err
		}
		s.path = s.addr
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	var conn interface {
		File() (*os.File, error)
		Close() error
	}
	if s.network == "udp" || s.network == "unixgram" {
		pc, err := lc.ListenPacket(context.Background(), s.network, s.addr)
		if err != nil {
			return err
		}
		conn = pc.(interface {
			File() (*os.File, error)
			Close() error
		})
	} else {
		ln, err := lc.Listen(context.Background(), s.network, s.addr)
		if err != nil {
			return err
		}
		if u, ok := ln.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		s.addr = ln.Addr().String()
		conn = ln.(interface {
			File() (*os.File, error)
			Close() error
		})
	}
	defer conn.Close() // File has its own
	f, err := conn.File()
	if err != nil {
		return err
	}
	s.file = f
	return syscall.SetNonblock(int(f.Fd()), false)
}

// close closes the socket and removes its path.
func (s *socket) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
	if s.path != "" {
		_ = os.Remove(s.path)
	}
}

// removeStale removes a socket's path that nobody listens at any more. Anything
// else that is there, a link too, stays, and the bind says so.
func removeStale(network, path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil
	}
	c, err := net.Dial(network, path)
	switch {
	case err == nil:
		_ = c.Close()
		return fmt.Errorf("%s: somebody listens there", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return err
}
