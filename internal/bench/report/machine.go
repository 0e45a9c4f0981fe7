package report

// This file says where a run was taken, and against which versions.

import (
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// New returns the report of a run that begins now, with no rows yet. Of the
// modules that the program is built of, peers names those it is compared with.
func New(counts int, length time.Duration, peers []string) *Report {
	r := &Report{
		Day:     time.Now().Format(time.DateOnly),
		Machine: Machine{cpu(), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version(), runtime.GOMAXPROCS(0)},
		Counts:  counts,
		Length:  length.String(),
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return r
	}
	for _, m := range info.Deps {
		if slices.Contains(peers, m.Path) {
			r.Peers = append(r.Peers, Peer{m.Path, m.Version})
		}
	}
	return r
}

// cpu is the processor's name where the system tells it, and else its kind.
func cpu() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(data)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
