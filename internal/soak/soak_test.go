package main_test

// This file runs the soak's short form, and has it find what is left behind.

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// raced is true where the tests run under the race detector.
var raced bool

func built(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "soak.exe")
	args := []string{"build", "-o", binary, "."}
	if raced {
		args = []string{"build", "-race", "-o", binary, "."}
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

func TestNothingIsLeftAfterEveryPackageWasUsedAtOnceWithFaults(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), built(t), "-for", "5s").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "left at the end: 0 goroutines")
}

func TestWhatIsLeftIsFound(t *testing.T) {
	binary := built(t)
	for plant, want := range map[string]string{
		"permit":     "watched semaphore: 1 in flight",
		"goroutine":  "goroutines, ",
		"descriptor": "descriptors, ",
	} {
		if plant == "descriptor" && runtime.GOOS != "linux" {
			continue // nobody counts them there
		}
		out, err := exec.CommandContext(t.Context(), binary, "-for", "2s", "-plant", plant).CombinedOutput()
		require.Error(t, err, plant+":\n"+string(out))
		require.Contains(t, string(out), want)
	}
}
