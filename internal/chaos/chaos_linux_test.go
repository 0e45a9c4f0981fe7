package main_test

// This file has what was planted found; .ci/run runs the short form, with the
// machine to itself.

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
