package belay_test

// This file freezes what those who run a service rely on and that is no Go
// name, in api/ops.txt, and holds the runbook against it.

import (
	"os"
	"regexp"
	"slices"
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

// known is what facts has read: it is the same for all tests.
var known []ops.Fact

// facts reads those packages, and all that users install of the nested modules.
func facts(t *testing.T) []ops.Fact {
	t.Helper()
	if known != nil {
		return slices.Clone(known)
	}
	patterns := operated
	for _, dir := range published(t) {
		if strings.HasPrefix(dir, "contrib/") {
			patterns = append(patterns, "./"+dir)
		}
	}
	found, err := ops.Read(".", patterns...)
	require.NoError(t, err)
	known = found
	return slices.Clone(found)
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

// operatedRow is a row of the runbook's tables: what it is about, and its level.
var operatedRow = regexp.MustCompile("^\\| `(.+?)` \\| ([^|\\\\]*(?:\\\\\\|[^|]*)?)\\|")

// explained are the rows of a runbook: "owner: line" and the level.
func explained(t *testing.T, text string) map[string]string {
	t.Helper()
	rows, owner := map[string]string{}, ""
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			owner = strings.TrimSpace(name)
			continue
		}
		m := operatedRow.FindStringSubmatch(line)
		if m == nil {
			require.False(t, strings.HasPrefix(line, "| `"), "a row that can't be read: %s", line)
			continue
		}
		key := owner + ": " + m[1]
		require.NotContains(t, rows, key, "twice")
		rows[key] = strings.ReplaceAll(strings.TrimSpace(m[2]), "\\|", "|")
	}
	return rows
}

// toExplain is what a runbook has to have for the facts.
func toExplain(facts []ops.Fact) map[string]string {
	rows := map[string]string{}
	for _, f := range facts {
		switch f.Kind {
		case "log":
			key := f.Of + ": " + f.Name
			level, _, _ := strings.Cut(f.More, " ")
			switch other := rows[key]; other {
			case "", level:
				rows[key] = level
			default:
				rows[key] = level + ", " + other // the facts are sorted: ERROR comes first
			}
		case "stderr":
			rows[f.Of+": stderr "+strings.ReplaceAll(f.Name, "\n", `\n`)] = ""
		case "exit":
			rows[f.Of+": exit "+f.Name] = ""
		case "alert":
			rows[f.Of+": alert "+f.Name] = f.More
		}
	}
	return rows
}

func TestTheRunbookExplainsAllOfThatAndNothingElse(t *testing.T) {
	text, err := os.ReadFile("docs/RUNBOOK.md")
	require.NoError(t, err)
	found := facts(t)
	want := toExplain(found)
	require.Equal(t, want, explained(t, string(text)))

	// One line more in the source, or in the book, would not go unseen.
	one := ops.Fact{Kind: "log", Of: "graceful", Name: "graceful: planted", More: "WARN k"}
	require.NotEqual(t, toExplain(append(found, one)), explained(t, string(text)))
	require.NotEqual(t, want, explained(t, string(text)+"\n## graceful\n\n| `graceful: planted` | WARN | it is | none |\n"))
}
