package drive

// What is shown while the run goes on: one line that replaces itself on a
// terminal, and only finished lines elsewhere.

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// progress writes to stderr. Only the goroutine of Main uses it.
type progress struct {
	w        io.Writer
	terminal bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

const eraseLine = "\r\x1b[K"

// show says what is going on, until the next line.
func (p *progress) show(format string, args ...any) {
	if p.terminal {
		fmt.Fprintf(p.w, eraseLine+format, args...)
	}
}

// note says what has come out.
func (p *progress) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...) + "\n"
	if p.terminal {
		line = eraseLine + line
	}
	io.WriteString(p.w, line)
}

// details explains what a server did that it should not have done.
func (p *progress) details(r round) {
	for _, d := range r.details() {
		p.note("  %+.1f ms after the signal: %v", float64(d.at.Sub(r.signal).Microseconds())/1e3, d)
	}
	if r.killed || r.exit != 0 {
		p.note("  exit code %d, killed: %v; its stderr after the signal:\n  %s", r.exit, r.killed,
			strings.ReplaceAll(strings.TrimSpace(r.stderr), "\n", "\n  "))
	}
}
