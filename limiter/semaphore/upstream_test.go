package semaphore_test

// This file runs golang.org/x/sync's own tests of its semaphore on this one.

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTheTestsOfXSyncPass builds x/sync's test files, with one import line
// changed, in a folder that only an overlay has, and runs them all: none is
// left out.
func TestTheTestsOfXSyncPass(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	folder := lines(t, ctx, "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sync")
	sources, err := filepath.Glob(filepath.Join(folder, "semaphore", "*_test.go"))
	require.NoError(t, err)

	root := filepath.Dir(lines(t, ctx, "env", "GOMOD"))
	temp := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	var tests []string
	for _, path := range sources {
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Example)\w*)\(`).FindAllSubmatch(source, -1) {
			tests = append(tests, string(found[1]))
		}
		source = bytes.ReplaceAll(source, []byte(`"golang.org/x/sync/semaphore"`), []byte(`"github.com/belay-go/belay/limiter/semaphore"`))
		copied := filepath.Join(temp, filepath.Base(path))
		require.NoError(t, os.WriteFile(copied, source, 0o600))
		overlay["Replace"][filepath.Join(root, "internal", "upstream", "semaphore", filepath.Base(path))] = copied
	}
	require.GreaterOrEqual(t, len(tests), 10, "x/sync's tests were not found")
	list := filepath.Join(temp, "overlay.json")
	data, err := json.Marshal(overlay)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(list, data, 0o600))

	// Built first and then run, without vet: the folder to do that in is not
	// there.
	binary := filepath.Join(temp, "upstream.test")
	build := []string{"test", "-c", "-vet=off", "-overlay", list, "-o", binary}
	if underRace() {
		build = append(build, "-race")
	}
	built, err := exec.CommandContext(ctx, "go", append(build, "github.com/belay-go/belay/internal/upstream/semaphore")...).CombinedOutput()
	require.NoError(t, err, string(built))
	run := exec.CommandContext(ctx, binary, "-test.v", "-test.timeout=2m")
	run.Dir = temp
	out, err := run.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, test := range tests {
		require.Contains(t, string(out), "--- PASS: "+test+" ")
	}
}

// lines is what the go command prints, without the last line's end.
func lines(t *testing.T, ctx context.Context, args ...string) string {
	out, err := exec.CommandContext(ctx, "go", args...).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// underRace reports whether this test was built with the race detector.
func underRace() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}
