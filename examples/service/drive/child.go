package drive

// One server child: how it is found, asked to stop, and buried.

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// readyTime bounds the start of a child.
const readyTime = 10 * time.Second

var errNoSignals = errors.New("-drive stops servers with SIGTERM, which this system doesn't have")

// child is one server: a process, and those that have taken its place one after
// the other. Its methods may be called concurrently, but for restart.
type child struct {
	addresses
	pid    int // of the first
	stderr *tail
	ready  *readyLines

	mu struct {
		sync.Mutex
		heirs []int       // the pids of the others
		exits map[int]int // the exit codes of those that are gone
	}

	cmd  *exec.Cmd
	gone chan struct{} // closed when all processes have ended; then these hold:
	end  time.Time     // when they had
	exit int           // the worst exit code, -1 if one was killed
}

func (c *child) awaitReady() (err error) {
	select {
	case text := <-c.ready.lines:
		if c.addresses, _, err = parseReady(text); err == nil {
			c.admin, err = adminOf(c.http)
		}
		return err
	case <-c.gone:
		return fmt.Errorf("the server ended before it was ready, exit code %d", c.exit)
	case <-time.After(readyTime):
		return fmt.Errorf("the server was not ready after %v", readyTime)
	}
}

// current returns the pid of the process that serves.
func (c *child) current() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.mu.heirs); n > 0 {
		return c.mu.heirs[n-1]
	}
	return c.pid
}

// restart asks the server to put a new process in its place, and returns when
// that is ready and the one before is gone.
func (c *child) restart(ctx context.Context) error {
	old := c.current()
	if err := send(old, restartSignal); err != nil {
		return fmt.Errorf("asking for a restart: %w", err)
	}
	limit, cancel := context.WithTimeout(ctx, readyTime+grace+overtime)
	defer cancel()
	select {
	case text := <-c.ready.lines:
		_, pid, err := parseReady(text)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.mu.heirs = append(c.mu.heirs, pid)
		c.mu.Unlock()
	case <-c.gone:
		return fmt.Errorf("the server ended in a restart, exit code %d", c.exit)
	case <-limit.Done():
		return errors.New("no new process was ready after a restart")
	}
	for !c.buried(old) {
		if limit.Err() != nil {
			return errors.New("a replaced process did not end")
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// buried reports whether a process of this server has ended, and remembers its
// exit code.
func (c *child) buried(pid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.mu.exits[pid]; known {
		return true
	}
	if pid == c.pid { // os/exec waits for it
		return !exists(pid)
	}
	exit, gone := reap(pid)
	if gone {
		if c.mu.exits == nil {
			c.mu.exits = make(map[int]int)
		}
		c.mu.exits[pid] = exit
	}
	return gone
}

// exitCode returns the worst exit code of all processes, when all have ended.
func (c *child) exitCode() int {
	worst := c.cmd.ProcessState.ExitCode()
	c.mu.Lock()
	heirs := slices.Clone(c.mu.heirs)
	c.mu.Unlock()
	for _, pid := range heirs {
		for !c.buried(pid) { // its pipes are closed, so it is about to be
			time.Sleep(time.Millisecond)
		}
		c.mu.Lock()
		if exit := c.mu.exits[pid]; exit != 0 && worst == 0 {
			worst = exit
		}
		c.mu.Unlock()
	}
	return worst
}

// stop asks the server to stop, as a supervisor does.
func (c *child) stop() error { return send(c.current(), stopSignal) }

// kill ends the server and everything that it has started.
func (c *child) kill() {
	select {
	case <-c.gone: // its number may be another's by now
	default:
		destroy(c.cmd.Process, c.current())
	}
}

// awaitGone waits for the end of the process and kills it when the time is
// up. It reports whether it ended by itself.
func (c *child) awaitGone(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.gone:
		return true
	case <-timer.C:
		c.kill()
		<-c.gone
		return false
	}
}
