package belay_test

// This file freezes what the packages export: one line a name in api/, and
// none without a doc comment or an example.

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// published are the folders of all packages that users import, those of nested
// modules included.
func published(t *testing.T) []string {
	found := libraries(t)
	require.NoError(t, filepath.WalkDir("contrib", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		if slices.ContainsFunc(files, func(file string) bool { return !strings.HasSuffix(file, "_test.go") }) {
			found = append(found, filepath.ToSlash(path))
		}
		return err
	}))
	require.Contains(t, found, "contrib/grpc")
	return found
}

func TestWhatIsExportedIsWhatIsListed(t *testing.T) {
	listed := map[string]bool{filepath.Join("api", "ops.txt"): true} // has a test of its own
	for _, dir := range published(t) {
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
	for _, dir := range published(t) {
		names, err := surface.Read("./" + dir)
		require.NoError(t, err)
		for _, n := range names {
			require.True(t, n.Doc, "%s: %s has no doc comment", dir, n.Line)
		}
	}
}

// The examples of contrib/grpc wire real servers and clients: they are compiled, and
// have nothing to print.
func TestEveryTypeFuncAndMethodHasARunnableExample(t *testing.T) {
	for _, dir := range published(t) {
		if dir == "contrib/grpc" {
			continue
		}
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
