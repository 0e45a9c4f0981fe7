package main_test

// This file runs the short form.

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func built(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "chaos")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

func TestAServiceThatIsKilledWhereItMustLiveIsReported(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), built(t), "-for", "5s", "-plant").CombinedOutput()
	require.Error(t, err, string(out))
	require.Contains(t, string(out), "the service is gone")
}

func TestTheServiceLivesThroughWhatHappensToServices(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), built(t), "-for", "15s").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "0 processes left")
	t.Logf("%s", out)
}
