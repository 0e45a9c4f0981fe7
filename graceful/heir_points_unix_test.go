//go:build unix

package graceful_test

// What can be made to happen at a point of a restart, in real processes, and
// who is there afterwards.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// The points of a restart, in about the order in which they are passed. What
// must not run twice is handed on beside the rest.
var (
	oldPoints = []string{"started", "offered", "paused", "told", "accepting", "softened", "handing on", "handed on", "main", "main told"}
	newPoints = []string{"inherited", "bound", "up", "ready said", "accepted", "accepting said", "freed", "became main"}
)

// meddle sends a signal when a process comes to a point of a restart: AT is the
// point, TO who gets it, old or new, and WITH its number. It happens once for
// all the processes that have the same file ONCE.
func meddle(m *graceful.Manager) {
	at, once := os.Getenv("AT"), os.Getenv("ONCE")
	if at == "" {
		return
	}
	number, _ := strconv.Atoi(os.Getenv("WITH"))
	sig := syscall.Signal(number)
	graceful.AtPoints(m, func(point string, other int) {
		if point != at {
			return
		}
		f, err := os.OpenFile(once, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return
		}
		_ = f.Close()
		to, self := other, slices.Contains(oldPoints, point) == (os.Getenv("TO") == "old")
		if self {
			to = os.Getpid()
		}
		say("at %q: %v to %d", point, sig, to)
		_ = syscall.Kill(to, sig)
		for sig == syscall.SIGKILL && !dead(to) { // nothing happens beyond the point
			wait(time.Millisecond)
		}
	})
}

// dead reports whether a process has ended with all its threads, waited for or
// not: the last of them closes its descriptors.
func dead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) != nil
	}
	_, state, _ := bytes.Cut(stat, []byte(") "))
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return len(threads) <= 1 && len(state) > 0 && (state[0] == 'Z' || state[0] == 'X')
}

// A family is a service together with all the processes that come from it.
type family struct {
	*service
	mark  string       // that all of them have in their environment
	known map[int]bool // those that have been seen with it
}

// raise starts a service in which something happens at a point.
func raise(t *testing.T, at, to string, sig syscall.Signal, pairs ...string) *family {
	t.Helper()
	mark := "ONCE=" + filepath.Join(t.TempDir(), "once")
	pairs = append(pairs, mark, "AT="+at, "TO="+to, fmt.Sprintf("WITH=%d", int(sig)))
	f := &family{mark: mark, known: map[int]bool{}}
	t.Cleanup(func() {
		for _, pid := range f.members() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	f.service = serve(t, pairs...)
	f.known[f.pid] = true
	return f
}

// members returns the processes of the family that are alive, where the system
// lets us look. One that dies loses its environment before its sockets, and until
// the last of its threads has had its turn it may accept.
func (f *family) members() (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		environ, _ := os.ReadFile(path)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		switch {
		case slices.Contains(strings.Split(string(environ), "\x00"), f.mark):
			f.known[pid] = true
		case len(environ) > 0 || !f.known[pid] && !f.known[parent(pid)]:
			continue
		}
		if !dead(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// parent returns the parent of a process, or 0.
func parent(pid int) (ppid int) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	if fields := bytes.Fields(rest); len(fields) > 1 {
		ppid, _ = strconv.Atoi(string(fields[1]))
	}
	return ppid
}

// eventually waits for something that needs no more than patience.
func (f *family) eventually(what string, ok func() bool) {
	f.t.Helper()
	for limit := time.Now().Add(patience); !ok(); wait(2 * time.Millisecond) {
		require.True(f.t, time.Now().Before(limit), "%s:\n%s", what, f.output())
	}
}

// happened waits until what was to happen has.
func (f *family) happened() {
	f.t.Helper()
	_, file, _ := strings.Cut(f.mark, "=")
	f.eventually("it has not happened", func() bool { _, err := os.Stat(file); return err == nil })
}

// alone waits until pid is the only one of its family, and asks it often: every
// dial is answered, and by it.
func (f *family) alone(pid int) {
	f.t.Helper()
	if _, err := os.Stat("/proc/self/environ"); err == nil {
		f.eventually(fmt.Sprintf("%d is not alone", pid), func() bool { return slices.Equal(f.members(), []int{pid}) })
	}
	f.pid = pid
	for range 30 {
		require.Equal(f.t, strconv.Itoa(pid), f.get("/pid"), "%s", f.output())
	}
}

// end stops the last process and looks for what is left.
func (f *family) end() {
	f.t.Helper()
	f.kill(syscall.SIGTERM)
	f.saw(fmt.Sprintf("process %d is done: <nil>", f.pid))
	f.over()
}

// over waits until nobody is left, and nothing of theirs, and returns the exit
// code of the first.
func (f *family) over() int {
	f.t.Helper()
	code := f.exit()
	f.gone()
	return code
}

func (f *family) gone() {
	f.t.Helper()
	f.eventually("somebody is left", func() bool { return len(f.members()) == 0 })
	_, err := net.DialTimeout("tcp", f.addr, patience)
	require.ErrorIs(f.t, err, syscall.ECONNREFUSED, "%s", f.output())
}

// again restarts once more, and waits for the end of the process before.
func (f *family) again() {
	f.t.Helper()
	before := f.pid
	limit := time.Now().Add(patience)
	for why := f.restart(); why != ""; why = f.restart() {
		require.Regexp(f.t, "still there|under way|on probation", why, "%s", f.output())
		require.True(f.t, time.Now().Before(limit), why)
		wait(5 * time.Millisecond)
	}
	for f.pid == before || dead(f.pid) { // one that was killed may have been ready, too
		f.ready()
	}
	f.alone(f.pid)
}

// A census is a load whose clients know which process they talk to.
type census struct {
	addr string
	stop chan struct{}
	wg   sync.WaitGroup

	mu struct {
		sync.Mutex
		answered map[int]int
		lost     map[int][]string // by the process; 0: it has not said yet
	}
}

// count starts n clients; the function ends them.
func count(addr string, n int) (c *census, end func()) {
	c = &census{addr: addr, stop: make(chan struct{})}
	c.mu.answered, c.mu.lost = map[int]int{}, map[int][]string{}
	for range n {
		c.wg.Go(c.client)
	}
	return c, func() {
		close(c.stop)
		c.wg.Wait()
	}
}

func (c *census) client() {
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(time.Millisecond):
		}
		pid, n, err := c.visit()
		c.mu.Lock()
		c.mu.answered[pid] += n
		if err != nil {
			c.mu.lost[pid] = append(c.mu.lost[pid], err.Error())
		}
		c.mu.Unlock()
	}
}

// visit asks a few things over one connection, of whoever has accepted it.
func (c *census) visit() (pid, n int, err error) {
	conn, err := net.DialTimeout("tcp", c.addr, patience)
	if err != nil {
		return -1, 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "GET /pid HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		return 0, 0, err
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, 0, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, 0, err
	}
	pid, _ = strconv.Atoi(string(body))
	for again := !resp.Close; again && n < 30; n++ {
		a, err := exchange(conn, r, fmt.Sprint(n), true)
		if err != nil {
			return pid, n, err
		}
		again = a.again
	}
	return pid, n + 1, nil
}

// has reports whether pid has answered.
func (c *census) has(pid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.answered[pid] > 0
}

// check demands that pid has lost nothing, and that no dial has failed.
func (c *census) check(t *testing.T, pid int, text string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	text = fmt.Sprintf("%v answered, %v lost\n%s", c.mu.answered, c.mu.lost, text)
	require.Empty(t, c.mu.lost[pid], text)
	require.Empty(t, c.mu.lost[-1], text)
	require.Positive(t, c.mu.answered[pid], text)
}

// lookInside lets a service be asked for what it has; where that can be told,
// another file knows how.
var lookInside = func(*http.ServeMux) {}
