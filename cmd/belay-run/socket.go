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
	fd   uintptr // of file, whose Fd is called only once, in open
	path string  // of a Unix socket, to be removed at the end
}

var socketName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// parseSocket reads [NAME=]ADDR.
func parseSocket(text string) (socket, error) {
	s := socket{name: "listen", network: "tcp", addr: text}
	if name, addr, ok := strings.Cut(text, "="); ok && !strings.ContainsAny(name, ":/") { // else it is in a path
		if !socketName.MatchString(name) {
			return s, fmt.Errorf("%q is no name: want letters, digits, _, . and -", name)
		}
		s.name, s.addr = name, addr
	}
	switch kind, rest, _ := strings.Cut(s.addr, ":"); kind {
	case "unix", "unixgram", "udp", "tcp":
		s.network, s.addr = kind, rest
	}
	if s.local() {
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

func (s *socket) local() bool { return s.network == "unix" || s.network == "unixgram" }

// bound is what package net's listeners and packet conns have in common.
type bound interface {
	File() (*os.File, error)
	Close() error
}

// open binds the socket. It blocks, as servers expect of one that they are given:
// who wants it otherwise says so himself.
func (s *socket) open() error {
	if s.local() {
		if err := removeStale(s.network, s.addr); err != nil {
			return err
		}
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	var conn bound
	if s.network == "udp" || s.network == "unixgram" {
		pc, err := lc.ListenPacket(context.Background(), s.network, s.addr)
		if err != nil {
			return err
		}
		s.addr = pc.LocalAddr().String()
		conn = pc.(bound)
	} else {
		ln, err := lc.Listen(context.Background(), s.network, s.addr)
		if err != nil {
			return err
		}
		if u, ok := ln.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		s.addr = ln.Addr().String()
		conn = ln.(bound)
	}
	defer conn.Close() // File has its own
	if s.local() && s.addr[0] != '@' {
		s.path = s.addr // not before: what is in the way of the bind isn't ours
	}
	f, err := conn.File()
	if err != nil {
		return err
	}
	// Fd makes the socket a blocking one, for everybody who has it. Later on that
	// is the servers' choice: one that waits in accept would never hear of a stop.
	s.file, s.fd = f, f.Fd()
	return nil
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
