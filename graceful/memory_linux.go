package graceful

// How much memory is free for a second process.

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// roomFor returns an error if fewer bytes are free than need, in this process's
// cgroup, in one above it, or in the system. What the kernel has cached and can
// drop counts as free. Where there is no limit there is nothing to exceed.
func roomFor(need int64) error {
	if need <= 0 {
		return nil
	}
	free, where, err := freeMemory("/proc", "/sys/fs/cgroup")
	if err != nil {
		return fmt.Errorf("free memory is unknown: %w", err)
	}
	if free < need {
		return fmt.Errorf("%d MiB of memory are free in %s, and %d MiB are needed", free>>20, where, need>>20)
	}
	return nil
}

// freeMemory returns the smallest of what is free.
func freeMemory(proc, cgroups string) (free int64, where string, err error) {
	system, err := field(filepath.Join(proc, "meminfo"), "MemAvailable:")
	if err != nil {
		return 0, "", err
	}
	free, where = system<<10, "the system" // it is in KiB
	own, err := os.ReadFile(filepath.Join(proc, "self/cgroup"))
	if err != nil {
		return 0, "", err
	}
	for _, line := range strings.Split(string(own), "\n") {
		// hierarchy:controllers:path, of which version 2 has one without
		// controllers.
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		v := version2
		root := cgroups
		if parts[1] != "" {
			if parts[1] != "memory" {
				continue
			}
			v, root = version1, filepath.Join(cgroups, "memory")
		}
		for path := filepath.Clean("/" + parts[2]); ; path = filepath.Dir(path) {
			if n := v.free(filepath.Join(root, path)); n < free {
				free, where = n, "the cgroup "+path
			}
			if path == "/" {
				break
			}
		}
	}
	return free, where, nil
}

// A cgroupVersion names the files of one.
type cgroupVersion struct{ limit, usage, cache string }

var (
	version1 = cgroupVersion{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	version2 = cgroupVersion{"memory.max", "memory.current", "inactive_file"}
)

// free returns what is free in one cgroup; very much if nothing limits it.
func (v cgroupVersion) free(dir string) int64 {
	limit, err := number(filepath.Join(dir, v.limit))
	if err != nil {
		return math.MaxInt64 // "max", or the root, which has no such file
	}
	usage, err := number(filepath.Join(dir, v.usage))
	if err != nil {
		return math.MaxInt64
	}
	cache, _ := field(filepath.Join(dir, "memory.stat"), v.cache) // none if unknown
	return max(0, limit-usage+min(cache, usage))
}

func number(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// field returns the number behind a name in a file of such lines.
func field(path, name string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) >= 2 && words[0] == name {
			return strconv.ParseInt(words[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
