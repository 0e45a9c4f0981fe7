package drive

// All server children: how one is started, and that none is left behind.

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// stderrKept is how much of the end of a child's stderr is kept, in bytes.
const stderrKept = 64 << 10

// children starts server processes and knows those that are alive.
type children struct {
	exe, root string

	mu struct {
		sync.Mutex
		live map[*child]bool
	}
}

// start starts a server and returns when it says that it is ready. The flags
// come after those that choose the ports; the variables are NAME=VALUE.
func (cs *children) start(flags, env []string) (*child, error) {
	c := &child{ready: newReadyLines(), stderr: newTail(stderrKept), gone: make(chan struct{})}
	c.cmd = exec.Command(cs.exe, append([]string{
		"-http", "127.0.0.1:0", "-grpc", "127.0.0.1:0", "-admin", "127.0.0.1:0", "-root", cs.root,
	}, flags...)...)
	c.cmd.Env = append(withoutServiceVars(os.Environ()), env...)
	c.cmd.Stdout, c.cmd.Stderr = c.ready, c.stderr
	c.cmd.SysProcAttr = tied()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	c.pid = c.cmd.Process.Pid
	cs.add(c)
	go func() { // ends with the process and those it has started, which killAll sees to
		c.cmd.Wait() // all of them write to the same pipes
		c.end = time.Now()
		c.exit = c.exitCode()
		cs.remove(c)
		close(c.gone)
	}()
	if err := c.awaitReady(); err != nil {
		c.kill()
		<-c.gone
		return nil, fmt.Errorf("%w%s", err, c.stderr.quote(0))
	}
	return c, nil
}

func (cs *children) add(c *child) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.mu.live == nil {
		cs.mu.live = make(map[*child]bool)
	}
	cs.mu.live[c] = true
}

func (cs *children) remove(c *child) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.mu.live, c)
}

// killAll ends every child that is still alive, and returns when all are gone.
func (cs *children) killAll() {
	cs.mu.Lock()
	var live []*child
	for c := range cs.mu.live {
		live = append(live, c)
	}
	cs.mu.Unlock()
	for _, c := range live {
		c.kill()
		<-c.gone
	}
}

// withoutServiceVars drops what would change the service behind our back.
func withoutServiceVars(env []string) []string {
	var kept []string
	for _, v := range env {
		if !strings.HasPrefix(v, "SERVICE_") {
			kept = append(kept, v)
		}
	}
	return kept
}
