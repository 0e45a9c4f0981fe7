package belay_test

// This file checks the workflows, which run elsewhere: they only call the
// project's own commands, and these exist.

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wrongStep says what is wrong with a line of a workflow.
func wrongStep(line string) string {
	line = strings.TrimPrefix(strings.TrimSpace(line), "- ")
	if action, found := strings.CutPrefix(line, "uses: "); found {
		if !regexp.MustCompile(`^[\w.-]+/[\w./-]+@v\d+$`).MatchString(action) {
			return "an action without its major version: " + action
		}
	}
	command, found := strings.CutPrefix(line, "run: ")
	if !found {
		return ""
	}
	words := strings.Fields(command)
	switch {
	case strings.HasPrefix(words[0], ".ci/"):
		if info, err := os.Stat(words[0]); err != nil || info.Mode()&0o111 == 0 {
			return "no such command: " + words[0]
		}
	case words[0] == "go" && (words[1] == "run" || words[1] == "test"):
		for _, word := range words[2:] {
			if dir, found := strings.CutPrefix(word, "./"); found && dir != "..." {
				if _, err := os.Stat(dir); err != nil {
					return "no such package: " + word
				}
			}
		}
	default:
		return "not a command of the project: " + command
	}
	return ""
}

func TestTheWorkflowsOnlyCallWhatTheProjectHas(t *testing.T) {
	pages, err := filepath.Glob(".github/workflows/*.yml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(pages), 3)
	runs := 0
	for _, path := range pages {
		page, err := os.ReadFile(path)
		require.NoError(t, err)
		require.YAMLEq(t, string(page), string(page), path)
		for line := range strings.Lines(string(page)) {
			require.Empty(t, wrongStep(line), path)
			if strings.Contains(line, "run: ") {
				runs++
			}
		}
	}
	require.Greater(t, runs, 6)

	for _, line := range []string{"- run: .ci/nothing", "- run: make all", "- run: go run ./nothing", "- uses: actions/checkout@main", "- uses: actions/checkout"} {
		require.NotEmpty(t, wrongStep(line), line)
	}
}
