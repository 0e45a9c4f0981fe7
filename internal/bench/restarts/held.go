//go:build unix

package restarts

// This file says what a process holds.

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// held is what one process holds while it has nothing to do.
type held struct {
	descriptors int // -1: can't be counted here
	memory      int // KiB that are resident; -1
}

func (h held) String() string { return fmt.Sprintf("%d, %.1f", h.descriptors, float64(h.memory)/1024) }

// holds returns what a process holds, as soon as that doesn't change any more.
func holds(pid int) held {
	last := look(pid)
	for range 100 {
		time.Sleep(50 * time.Millisecond)
		now := look(pid)
		if now.descriptors == last.descriptors {
			return now
		}
		last = now
	}
	return last
}

func look(pid int) held {
	h := held{-1, -1}
	if files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		h.descriptors = len(files)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return h
	}
	if _, rest, ok := strings.Cut(string(status), "VmRSS:"); ok {
		_, _ = fmt.Sscan(rest, &h.memory)
	}
	return h
}
