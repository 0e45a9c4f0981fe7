package graceful_test

// How much memory is free, in made-up trees of cgroups; and a service that asks
// for more than there is.

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// tree writes files below a new folder, by their paths.
func tree(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for path, text := range files {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

const meminfo = "MemTotal:       1000000 kB\nMemFree:          1000 kB\nMemAvailable:     4096 kB\nCached: 7 kB\n"

func TestTheFreeMemoryIsThatOfTheNarrowestGroup(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		files map[string]string
		free  int64
		where string
	}{
		"no groups":       {map[string]string{"self/cgroup": ""}, 4 * mib, "the system"},
		"no such folders": {map[string]string{"self/cgroup": "0::/a/b\n"}, 4 * mib, "the system"},
		"version 2": {map[string]string{
			"self/cgroup": "0::/a\n", "cg/a/memory.max": "3145728\n", "cg/a/memory.current": "1048576\n",
		}, 2 * mib, "the cgroup /a"},
		"what is cached is free": {map[string]string{
			"self/cgroup": "0::/a\n", "cg/a/memory.max": "3145728\n", "cg/a/memory.current": "3145728\n",
			"cg/a/memory.stat": "anon 5\nfile 7\ninactive_file 1048576\nactive_file 9\n",
		}, 1 * mib, "the cgroup /a"},
		"more is cached than used": {map[string]string{
			"self/cgroup": "0::/a\n", "cg/a/memory.max": "3145728\n", "cg/a/memory.current": "1048576\n",
			"cg/a/memory.stat": "inactive_file 9999999999\n",
		}, 3 * mib, "the cgroup /a"},
		"more is used than allowed": {map[string]string{
			"self/cgroup": "0::/a\n", "cg/a/memory.max": "1048576\n", "cg/a/memory.current": "2097152\n",
		}, 0, "the cgroup /a"},
		"a group above": {map[string]string{
			"self/cgroup": "0::/a/b/c\n", "cg/a/b/c/memory.max": "max\n", "cg/a/b/c/memory.current": "1048576\n",
			"cg/a/memory.max": "2097152\n", "cg/a/memory.current": "1048576\n",
		}, 1 * mib, "the cgroup /a"},
		"both, the lower one is narrower": {map[string]string{
			"self/cgroup": "0::/a/b\n", "cg/a/b/memory.max": "1572864\n", "cg/a/b/memory.current": "1048576\n",
			"cg/a/memory.max": "4194304\n", "cg/a/memory.current": "1048576\n",
		}, mib / 2, "the cgroup /a/b"},
		"the root of a container": {map[string]string{
			"self/cgroup": "0::/\n", "cg/memory.max": "2097152\n", "cg/memory.current": "0\n",
		}, 2 * mib, "the cgroup /"},
		"a path that leads out": {map[string]string{
			"self/cgroup": "0::/../../a\n", "cg/a/memory.max": "2097152\n", "cg/a/memory.current": "0\n",
		}, 2 * mib, "the cgroup /a"},
		"version 1": {map[string]string{
			"self/cgroup":                       "5:cpu,cpuacct:/x\n4:memory:/a\n1:name=systemd:/y\n",
			"cg/memory/a/memory.limit_in_bytes": "3145728\n", "cg/memory/a/memory.usage_in_bytes": "2097152\n",
			"cg/memory/a/memory.stat": "inactive_file 1\ntotal_inactive_file 524288\n",
		}, 3 * mib / 2, "the cgroup /a"},
		"version 1 without a limit": {map[string]string{
			"self/cgroup":                       "4:memory:/a\n",
			"cg/memory/a/memory.limit_in_bytes": "9223372036854771712\n", "cg/memory/a/memory.usage_in_bytes": "2097152\n",
		}, 4 * mib, "the system"},
		"version 1, and the path is another one inside": {map[string]string{
			"self/cgroup":                     "4:memory:/docker/0123\n0::/\n",
			"cg/memory/memory.limit_in_bytes": "2097152\n", "cg/memory/memory.usage_in_bytes": "1048576\n",
		}, 1 * mib, "the cgroup /"},
		"no limit": {map[string]string{
			"self/cgroup": "0::/a\n", "cg/a/memory.max": "max\n", "cg/a/memory.current": "1048576\n",
		}, 4 * mib, "the system"},
		"garbage": {map[string]string{
			"self/cgroup": "what\n::\n0:\n0::/a\nx:memory:/b\n", "cg/a/memory.max": "much\n", "cg/a/memory.current": "little\n",
			"cg/memory/b/memory.limit_in_bytes": "\x00", "cg/memory/b/memory.usage_in_bytes": "",
		}, 4 * mib, "the system"},
		"garbage in the usage": {map[string]string{
			"self/cgroup": "0::/a\n", "cg/a/memory.max": "1048576\n", "cg/a/memory.current": "-\n",
		}, 4 * mib, "the system"},
	} {
		t.Run(name, func(t *testing.T) {
			c.files["meminfo"] = meminfo
			dir := tree(t, c.files)
			free, where, err := graceful.FreeMemory(dir, filepath.Join(dir, "cg"))
			require.NoError(t, err)
			require.Equal(t, c.free, free)
			require.Equal(t, c.where, where)
		})
	}
}

func TestMemoryThatCanNotBeToldIsAnError(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing":       {},
		"no groups":     {"meminfo": meminfo},
		"no line":       {"meminfo": "MemTotal: 5 kB\n", "self/cgroup": ""},
		"no number":     {"meminfo": "MemAvailable: much kB\n", "self/cgroup": ""},
		"half a line":   {"meminfo": "MemAvailable:\n", "self/cgroup": ""},
		"a long number": {"meminfo": "MemAvailable: 99999999999999999999 kB\n", "self/cgroup": ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, files)
			_, _, err := graceful.FreeMemory(dir, dir)
			require.Error(t, err)
		})
	}
}

func TestARestartIsRefusedIfMemoryIsShort(t *testing.T) {
	t.Parallel()
	s := serve(t, "MEMORY="+strconv.FormatInt(math.MaxInt64, 10), "PROBATION=-1ns")
	require.Regexp(t, `^graceful: restart: \d+ MiB of memory are free in .+, and 8796093022207 MiB are needed$`, s.restart())
	require.Equal(t, strconv.Itoa(s.pid), s.get("/pid"))
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
	s = serve(t, "MEMORY=1", "PROBATION=-1ns")
	s.replace()
	s.main() // or the signal would bring the old one back
	s.kill(syscall.SIGTERM)
	require.Equal(t, 0, s.exit(), "%s", s.output())
}
