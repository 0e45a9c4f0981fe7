package drive

// The planted hang: one server of each kind, stopped while one of its
// components never ends. Both get the same budget and the same time on top.

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	hungComponent = "consumer"
	hangGrace     = 3 * time.Second
	hangOvertime  = time.Second
)

// hangResult is what a server with a hung component did when it was stopped.
type hangResult struct {
	killed bool          // it had to be
	exit   int           // if not
	after  time.Duration // from the signal to the end of the process
	text   string        // what it wrote to stderr after the signal
}

// hang stops both servers at the same time: they do nothing but wait.
func (d *driver) hang(ctx context.Context) error {
	d.progress.show("both: a stop with one component that hangs ...")
	type end struct {
		kind
		hangResult
		error
	}
	ends := make(chan end, len(kinds))
	for _, k := range kinds {
		go func() { // ends with its child
			r, err := d.hangOne(ctx, k)
			ends <- end{k, r, err}
		}()
	}
	var failed error
	for range kinds {
		e := <-ends
		if e.error != nil {
			failed = fmt.Errorf("%s: the planted hang: %w", e.kind, e.error)
		}
		d.results.hangs[e.kind] = e.hangResult
	}
	return failed
}

func (d *driver) hangOne(ctx context.Context, k kind) (hangResult, error) {
	c, err := d.children.start([]string{"-grace", hangGrace.String()},
		append(k.env(), "SERVICE_HANG="+hungComponent))
	if err != nil {
		return hangResult{}, err
	}
	defer context.AfterFunc(ctx, c.kill)()
	mark, signal := c.stderr.mark(), time.Now()
	if err := c.stop(); err != nil {
		return hangResult{}, err
	}
	killed := !c.awaitGone(hangGrace + hangOvertime)
	return hangResult{killed, c.exit, c.end.Sub(signal), c.stderr.since(mark)}, ctx.Err()
}

// named reports whether the server said by itself which component hung.
func (h hangResult) named() bool { return !h.killed && len(h.blame()) > 0 }

// blame returns the lines that name what hung, and those below that are
// indented deeper: where it hung.
func (h hangResult) blame() []string {
	lines := strings.Split(strings.TrimRight(h.text, "\n"), "\n")
	for i, line := range lines {
		if !accuses(line) {
			continue
		}
		blame := []string{line}
		for _, more := range lines[i+1:] {
			if indent(more) <= indent(line) {
				break
			}
			blame = append(blame, more)
		}
		return blame
	}
	return nil
}

// spared returns the names of the components that the report calls stopped,
// which are the neighbours of the line that names what hung.
func (h hangResult) spared() (names []string) {
	blame := h.blame()
	if blame == nil {
		return nil
	}
	for line := range strings.Lines(h.text) {
		fields := strings.Fields(line)
		if len(fields) > 1 && indent(line) == indent(blame[0]) && fields[1] == "stopped" {
			names = append(names, fields[0])
		}
	}
	return names
}

// accuses tells the line of a report that calls the component stuck from a
// log line that only mentions it.
func accuses(line string) bool {
	fields := strings.Fields(line)
	return len(fields) > 1 && fields[0] == hungComponent && strings.EqualFold(fields[1], "stuck")
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }
