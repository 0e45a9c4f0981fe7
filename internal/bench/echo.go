package main

// This file makes tasks that wait for a reply over the network. The one that
// replies is a process of its own: in this one its pause would be a timer of the
// runtime that is measured, or a thread that takes a processor from it.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// replyAfter is how long the child lets a request wait.
const replyAfter = 100 * time.Microsecond

// childRole is set in the environment of the child.
const childRole = "BELAY_BENCH_ECHO"

// exchange is a task: one byte to the child and back.
func exchange() error {
	c, err := child().connection()
	if err != nil {
		return err
	}
	var b [1]byte
	if _, err := c.Write(b[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return err
	}
	child().keep(c)
	return nil
}

// server is the child as its parent sees it.
type server struct {
	address string
	err     error          // why it is not there
	alive   io.WriteCloser // the child ends when this does, with this process at the latest

	mu struct {
		sync.Mutex
		idle []net.Conn
	}
}

// child starts the child when it is first needed.
var child = sync.OnceValue(func() *server {
	s := new(server)
	s.err = s.start()
	return s
})

func (s *server) start() error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), childRole+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if s.alive, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	s.address = strings.TrimSpace(address)
	return err
}

// connection returns one that is idle, so that there come to be as many as there
// are tasks at once.
func (s *server) connection() (net.Conn, error) {
	if s.err != nil {
		return nil, fmt.Errorf("bench: the process that replies: %w", s.err)
	}
	s.mu.Lock()
	if last := len(s.mu.idle) - 1; last >= 0 {
		c := s.mu.idle[last]
		s.mu.idle = s.mu.idle[:last]
		s.mu.Unlock()
		return c, nil
	}
	s.mu.Unlock()
	return net.Dial("tcp", s.address)
}

func (s *server) keep(c net.Conn) {
	s.mu.Lock()
	s.mu.idle = append(s.mu.idle, c)
	s.mu.Unlock()
}

// echoChild reports whether this process was the child. It replies until the
// parent is gone.
func echoChild() bool {
	if os.Getenv(childRole) == "" {
		return false
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() { // ends with the process
		for {
			c, err := l.Accept()
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			go reply(c) // ends with the connection
		}
	}()
	fmt.Println(l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return true
}

func reply(c net.Conn) {
	defer c.Close()
	pause, end, err := newPause(replyAfter)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer end()
	var b [1]byte
	for {
		_, err := io.ReadFull(c, b[:])
		if err == nil {
			err = pause()
		}
		if err == nil {
			_, err = c.Write(b[:])
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, err)
			}
			return
		}
	}
}
