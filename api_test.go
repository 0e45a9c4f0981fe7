package belay_test

// This file freezes what the packages export: one line a name in api/, and
// none without a doc comment or an example.

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/surface"
)

var update = flag.Bool("update", false, "write api/*.txt anew")

// apiFile is where the names of the package in dir are listed.
func apiFile(dir string) string {
	if dir == "" {
		dir = "belay"
	}
	return filepath.Join("api", strings.ReplaceAll(dir, "/", "_")+".txt")
}

func TestWhatIsExportedIsWhatIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, dir := range libraries(t) {
		names, err := surface.Read("./" + dir)
		require.NoError(t, err)
		var lines strings.Builder
		for _, n := range names {
			lines.WriteString(n.Line + "\n")
		}
		file := apiFile(dir)
		listed[file] = true
		if *update {
			require.NoError(t, os.MkdirAll("api", 0o755))
			require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err, "a new package: go test -run WhatIsExported -update .")
		require.Equal(t, string(want), lines.String(), "%s: go test -run WhatIsExported -update . if this is meant", file)
	}
	files, err := filepath.Glob("api/*.txt")
	require.NoError(t, err)
	for _, file := range files {
		require.True(t, listed[file], "%s lists a package that is gone", file)
	}
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, dir := range libraries(t) {
		names, err := surface.Read("./" + dir)
		require.NoError(t, err)
		for _, n := range names {
			require.True(t, n.Doc, "%s: %s has no doc comment", dir, n.Line)
		}
	}
}

func TestEveryTypeFuncAndMethodHasARunnableExample(t *testing.T) {
	for _, dir := range libraries(t) {
		names, err := surface.Read("./" + dir)
		require.NoError(t, err)
		examples, err := surface.Examples("./" + dir)
		require.NoError(t, err)
		for _, n := range names {
			if n.Kind == surface.Type || n.Kind == surface.Func || n.Kind == surface.Method {
				require.True(t, examples[n.Name], "%s: %s has no example", dir, n.Line)
			}
		}
	}
}
