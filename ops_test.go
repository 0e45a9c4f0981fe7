package belay_test

// This file freezes what those who run a service rely on and that is no Go
// name, in api/ops.txt, and holds the runbook against it.

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/ops"
)

// operated are the packages whose doings people see who run a service.
var operated = []string{
	"./errgroup", "./ctxutil", "./timeout/...", "./limiter/...", "./graceful/...",
	"./internal/handover", "./internal/sdnotify", "./cmd/belay-run", "./cmd/belay-vet",
}

// facts reads those packages, and all that users install of the nested modules.
func facts(t *testing.T) []ops.Fact {
	t.Helper()
	patterns := operated
	for _, dir := range published(t) {
		if strings.HasPrefix(dir, "contrib/") {
			patterns = append(patterns, "./"+dir)
		}
	}
	found, err := ops.Read(".", patterns...)
	require.NoError(t, err)
	return found
}

func TestWhatOperatorsRelyOnIsWhatIsListed(t *testing.T) {
	var lines strings.Builder
	for _, f := range facts(t) {
		lines.WriteString(f.String() + "\n")
	}
	if *update {
		require.NoError(t, os.WriteFile("api/ops.txt", []byte(lines.String()), 0o644))
	}
	want, err := os.ReadFile("api/ops.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), lines.String(), "go test -run WhatOperators -update . if this is meant")
}
