package main

// This file draws how far a run is, where somebody is looking.

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// progress is a line on a terminal, and nothing elsewhere.
type progress struct {
	done, total int
	began       time.Time
	terminal    bool
}

func newProgress(total int) *progress {
	info, err := os.Stderr.Stat()
	return &progress{total: total, began: time.Now(), terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

// show says what is measured next.
func (p *progress) show(what string) {
	if p.terminal {
		fmt.Fprint(os.Stderr, p.line(what, time.Since(p.began)))
	}
	p.done++
}

func (p *progress) line(what string, took time.Duration) string {
	const width = 30
	full := width * p.done / max(1, p.total)
	left := ""
	if p.done > 0 { // some rows take far longer than others, so this is only about
		left = fmt.Sprintf(", about %v left", (took * time.Duration(p.total-p.done) / time.Duration(p.done)).Round(time.Second))
	}
	return fmt.Sprintf("\r[%s%s] %d of %d  %s%s\x1b[K", strings.Repeat("=", full), strings.Repeat(" ", width-full), p.done, p.total, what, left)
}

// clear makes room for a line of the table.
func (p *progress) clear() {
	if p.terminal {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
