package belay_test

// This file checks the pages for those who run a service with belay: that what
// they name exists.

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// operating are the pages: those in docs that are meant, and FAILURES.md wherever
// it is.
func operating(t *testing.T) []string {
	pages := []string{"docs/ADOPTING.md", "docs/MEMORY.md", "docs/RUNBOOK.md"}
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "FAILURES.md" {
			pages = append(pages, path)
		}
		return err
	}))
	for _, dir := range []string{"errgroup", "limiter", "timeout", "ctxutil", "graceful", "cmd/belay-run", "contrib/redis"} {
		require.Contains(t, pages, filepath.Join(dir, "FAILURES.md"))
	}
	return pages
}

var citation = regexp.MustCompile("`(Test\\w+)`(?: \\((\\w+)\\))?")

// What a page says was tried must be a test that there is, in the folder of the
// page or in the one below it that is named.
func TestEveryTestThatThePagesCiteExists(t *testing.T) {
	cited := 0
	for _, page := range operating(t) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			found := citation.FindAllStringSubmatch(line, -1)
			for i, m := range found {
				in := m[2]
				if in == "" && i+1 < len(found) {
					in = found[i+1][2] // of several in a row the last one says it
				}
				files, err := filepath.Glob(filepath.Join(filepath.Dir(page), in, "*_test.go"))
				require.NoError(t, err)
				require.True(t, slices.ContainsFunc(files, func(file string) bool {
					source, err := os.ReadFile(file)
					return err == nil && strings.Contains(string(source), "func "+m[1]+"(")
				}), "%s cites %s", page, m[1])
				cited++
			}
		}
	}
	require.Greater(t, cited, 20)
}

// The page of each package says when another one, or none, is the better choice.
func TestEveryPackageSaysWhenNotToUseIt(t *testing.T) {
	for _, dir := range published(t) {
		if dir == "" {
			continue // it is the map of the others
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(files, func(file string) bool {
			source, err := os.ReadFile(file)
			doc, _, is := strings.Cut(string(source), "\npackage ")
			return err == nil && is && strings.Contains(doc, "// When not to use it:")
		}), dir)
	}
}
