package main_test

// This file runs the short form.

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheServiceLivesThroughWhatHappensToServices(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "chaos")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.CommandContext(t.Context(), binary, "-for", "10s").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "0 processes left")
	t.Logf("%s", out)
}
