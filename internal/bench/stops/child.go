package main

// This file is the child as its parent sees it.

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/belay-go/belay/internal/bench/load"
)

// patience bounds the start of a child, and what it takes on top of its budget.
const patience = 10 * time.Second

// child is one server process.
type child struct {
	cmd   *exec.Cmd
	alive io.Closer // the child ends when this does, with this process at the latest
	addrs load.Addresses

	gone chan struct{} // closed when the process has ended; then these hold:
	end  time.Time
	code int // -1: killed
}

// start starts a child and returns when it is ready.
func start(kind string) (*child, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(path), gone: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), role+"="+kind, "GORACE=atexit_sleep_ms=10")
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.alive = in
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	hung := time.AfterFunc(patience, c.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	hung.Stop()
	if err == nil {
		_, err = fmt.Sscanf(line, "ready %s %s %s\n", &c.addrs.Web, &c.addrs.TLS, &c.addrs.RPC)
	}
	go func() { // ends with the process, which whoever started it sees to
		_ = c.cmd.Wait()
		c.end, c.code = time.Now(), c.cmd.ProcessState.ExitCode()
		close(c.gone)
	}()
	if err != nil {
		c.kill()
		<-c.gone
		return nil, fmt.Errorf("a server did not become ready: %w", err)
	}
	return c, nil
}

// terminate asks the child to stop, as a supervisor does, and returns when it is
// gone, by itself or not.
func (c *child) terminate() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.kill()
		<-c.gone
		return err
	}
	late := time.AfterFunc(budget+patience, c.kill)
	defer late.Stop()
	<-c.gone
	return nil
}

func (c *child) kill() { _ = c.cmd.Process.Kill() }
