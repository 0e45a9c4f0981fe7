package drive

// One server child: how it is found, asked to stop, and buried.

import (
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// readyTime bounds the start of a child.
const readyTime = 10 * time.Second

var errNoSignals = errors.New("-drive stops servers with SIGTERM, which this system doesn't have")

// child is one server process. Its methods may be called concurrently.
type child struct {
	addresses
	pid    int
	stderr *tail

	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended; then these hold:
	end  time.Time     // when it had
	exit int           // its exit code, -1 if it was killed
}

func (c *child) awaitReady(ready *readyLine) (err error) {
	select {
	case <-ready.done:
		if c.addresses, err = parseReady(ready.text); err == nil {
			c.admin, err = adminOf(c.http)
		}
		return err
	case <-c.gone:
		return fmt.Errorf("the server ended before it was ready, exit code %d", c.exit)
	case <-time.After(readyTime):
		return fmt.Errorf("the server was not ready after %v", readyTime)
	}
}

// stop asks the server to stop, as a supervisor does.
func (c *child) stop() error { return terminate(c.cmd.Process) }

// kill ends the server and everything that it has started.
func (c *child) kill() { destroy(c.cmd.Process) }

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
