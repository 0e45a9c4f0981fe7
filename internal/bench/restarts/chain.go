//go:build unix

package restarts

// This file is a server as the one who started it sees it: a chain of processes,
// each in the place of the one before.

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/belay-go/belay/internal/bench/load"
)

// patience bounds the start of a process, and its end.
const patience = 30 * time.Second

// chain is one server.
type chain struct {
	addrs load.Addresses
	idle  string // the address of what hands over idle connections
	first *exec.Cmd
	lines chan string // of all processes; closed when all are gone

	pids []int // of all processes, in order; the last one serves
	mu   struct {
		sync.Mutex
		unclean int // of those that are gone, did not end with exit code 0
		buried  map[int]bool
	}
}

// start starts the first process and returns when it serves.
func start(kind string) (*chain, error) {
	if err := adopt(); err != nil {
		return nil, err
	}
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	c := &chain{first: exec.Command(path), lines: make(chan string, 64)}
	c.mu.buried = make(map[int]bool)
	c.first.Env = append(os.Environ(), role+"="+kind, "GORACE=atexit_sleep_ms=10")
	c.first.Stdout, c.first.Stderr = w, os.Stderr
	c.first.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.first.Start(); err != nil {
		_ = r.Close()
		return nil, err
	}
	go func() { // ends with the last process
		defer close(c.lines)
		defer r.Close()
		for s := bufio.NewScanner(r); s.Scan(); {
			c.lines <- s.Text()
		}
	}()
	if err := c.ready(); err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

// ready waits for the next process to say that it serves.
func (c *chain) ready() error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case line, ok := <-c.lines:
		if !ok {
			return errors.New("the server has ended")
		}
		var pid int
		if _, err := fmt.Sscanf(line, "ready %d %s %s %s %s", &pid, &c.addrs.Web, &c.addrs.TLS, &c.addrs.RPC, &c.idle); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		c.pids = append(c.pids, pid)
		return nil
	case <-limit.C:
		c.dump()
		return errors.New("no process became ready")
	}
}

// restart has the process that serves replaced, and returns when the next one
// serves.
func (c *chain) restart() error {
	if err := syscall.Kill(c.current(), syscall.SIGUSR2); err != nil {
		return err
	}
	return c.ready()
}

func (c *chain) current() int { return c.pids[len(c.pids)-1] }

// there returns how many processes there are.
func (c *chain) there() int {
	c.bury()
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pids) - len(c.mu.buried)
}

// stop stops the process that serves, and waits for the end of all. It returns
// how many have not ended cleanly.
func (c *chain) stop() (unclean int, err error) {
	if err := syscall.Kill(c.current(), syscall.SIGTERM); err != nil {
		return 0, err
	}
	limit := time.Now().Add(patience)
	for c.there() > 0 {
		if time.Now().After(limit) {
			c.kill()
			return 0, errors.New("the server did not end")
		}
		time.Sleep(time.Millisecond)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.unclean, nil
}

// bury waits for the processes that have ended. Those whose parent lives are
// its own to wait for, and become ours when it ends.
func (c *chain) bury() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pid := range c.pids {
		if c.mu.buried[pid] {
			continue
		}
		var status syscall.WaitStatus
		got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		switch {
		case got == pid:
			c.mu.buried[pid] = true
			if status.ExitStatus() != 0 {
				c.mu.unclean++
			}
		case err != nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH):
			c.mu.buried[pid] = true // by its parent
		}
	}
}

// dump has all processes print where they are, and end.
func (c *chain) dump() {
	_ = syscall.Kill(-c.first.Process.Pid, syscall.SIGQUIT)
	time.Sleep(time.Second)
}

// kill ends all processes.
func (c *chain) kill() { _ = syscall.Kill(-c.first.Process.Pid, syscall.SIGKILL) }
