package main_test

// This file runs the explorer's short form, and has it find what is planted.

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/explore/rewrite"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	require.NoError(t, err)
	return dir
}

func TestTheMachinesHoldInEveryScheduleOfTwoPreemptions(t *testing.T) {
	binary, err := rewrite.Build(root(t), t.TempDir())
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), binary).CombinedOutput()
	require.NoError(t, err, string(out))
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		require.Contains(t, line, "every schedule")
	}
	t.Logf("\n%s", out)
}

func TestEachPlantedFaultIsFound(t *testing.T) {
	for _, plant := range rewrite.Plants {
		t.Run(plant.Name, func(t *testing.T) {
			binary, err := rewrite.Build(root(t), t.TempDir(), plant.Changes...)
			require.NoError(t, err)
			out, err := exec.CommandContext(t.Context(), binary, plant.Flags()...).CombinedOutput()
			require.Error(t, err, "not found:\n%s", out)
			require.Contains(t, string(out), "FAILED")
			require.Contains(t, string(out), "replay: ")
		})
	}
}

func TestTheProductHasNoHook(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".", "./ctxutil", "./timeout/...", "./errgroup", "./limiter/...", "./graceful/...")
	list.Dir = root(t)
	out, err := list.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "belay/limiter/keyed")
	require.NotContains(t, string(out), "internal/explore")
}

// Built without the steps the programs must not seem to have been explored.
func TestWithoutStepsTheMachinesFail(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "run", "../machines", "-only", "semaphore/slot").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "there were no steps")
}
