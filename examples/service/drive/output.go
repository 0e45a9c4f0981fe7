package drive

// What a child writes: the one line of stdout that says where it listens, and
// the end of its stderr, kept for when something goes wrong.

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
)

// addresses is where a child listens.
type addresses struct{ http, grpc, admin string }

// parseReady reads "ready http=ADDR grpc=ADDR pid=PID".
func parseReady(line string) (a addresses, pid int, err error) {
	fields := strings.Fields(line)
	if len(fields) == 0 || fields[0] != "ready" {
		return addresses{}, 0, fmt.Errorf("the server's first line is not its ready line: %q", line)
	}
	for _, f := range fields[1:] {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "http":
			a.http = value
			_, _, err = net.SplitHostPort(value)
		case "grpc":
			a.grpc = value
			_, _, err = net.SplitHostPort(value)
		case "pid":
			pid, err = strconv.Atoi(value)
		}
		if err != nil {
			return addresses{}, 0, fmt.Errorf("the server's ready line %q: %w", line, err)
		}
	}
	if a.http == "" || a.grpc == "" {
		return addresses{}, 0, fmt.Errorf("the server's ready line %q lacks an address", line)
	}
	return a, pid, nil
}

// mostLines is how many lines of a child's stdout are kept for whoever waits for
// one; a server prints one for each process.
const mostLines = 16

// readyLines is a stdout of which each line can be waited for. Only Write may
// use the buffer.
type readyLines struct {
	buf   []byte
	lines chan string
}

func newReadyLines() *readyLines { return &readyLines{lines: make(chan string, mostLines)} }

func (r *readyLines) Write(p []byte) (int, error) {
	r.buf = append(r.buf, p...)
	for {
		line, rest, whole := bytes.Cut(r.buf, []byte("\n"))
		if !whole && len(r.buf) <= 4096 {
			return len(p), nil
		}
		r.buf = rest
		select {
		case r.lines <- string(line):
		default: // nobody can be waiting for so many
		}
	}
}

// tail keeps the last bytes that were written to it. It is safe for
// concurrent use.
type tail struct {
	most int
	mu   struct {
		sync.Mutex
		total int    // bytes ever written
		kept  []byte // the last of them
	}
}

func newTail(most int) *tail { return &tail{most: most} }

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.total += len(p)
	t.mu.kept = append(t.mu.kept, p...)
	if over := len(t.mu.kept) - t.most; over > 0 {
		t.mu.kept = append(t.mu.kept[:0], t.mu.kept[over:]...)
	}
	return len(p), nil
}

// mark returns the current end of the output, for since.
func (t *tail) mark() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.total
}

// since returns what was written after a mark, as far as it is kept.
func (t *tail) since(mark int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(t.mu.total-mark, len(t.mu.kept))
	return string(t.mu.kept[len(t.mu.kept)-n:])
}

// quote returns what since returns, set off for the end of an error's text.
func (t *tail) quote(mark int) string {
	text := strings.TrimSpace(t.since(mark))
	if text == "" {
		return ""
	}
	return "\n  its stderr:\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}
