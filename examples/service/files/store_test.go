package files_test

// Paths: what may be read and what may not.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/examples/service/files"
)

// folder writes files, given by path and content, below a folder of the test.
func folder(t testing.TB, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		name = filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	return dir
}

func open(t testing.TB, dir string) *files.Store {
	t.Helper()
	s, err := files.Open(dir, 4)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func symlink(t testing.TB, target, link string) {
	t.Helper()
	require.NoError(t, os.Symlink(target, link))
}

func TestNoPathLeavesTheFolder(t *testing.T) {
	parent := folder(t, map[string]string{"secret": "s", "in/a": "a", "in/sub/b": "b"})
	dir := filepath.Join(parent, "in")
	symlink(t, "../secret", filepath.Join(dir, "relative-link"))
	symlink(t, filepath.Join(parent, "secret"), filepath.Join(dir, "absolute-link"))
	symlink(t, "..", filepath.Join(dir, "up"))
	symlink(t, "sub/b", filepath.Join(dir, "good-link"))
	s := open(t, dir)

	for _, name := range []string{
		"..", "../secret", "../in/a", "sub/../../secret", "sub/../../in/a", "/etc/passwd",
		filepath.Join(dir, "a"), "relative-link", "absolute-link", "up/secret", "up/in/a",
	} {
		_, err := s.Sum(t.Context(), name)
		require.ErrorIs(t, err, files.ErrOutside, name)
		_, err = s.Tree(t.Context(), name)
		require.ErrorIs(t, err, files.ErrOutside, name)
	}
	for _, name := range []string{"a", "./a", "sub/../a", "sub/b", "good-link"} {
		_, err := s.Sum(t.Context(), name)
		require.NoError(t, err, name)
	}
}

func TestErrorsSayWhatIsWrongWithAPath(t *testing.T) {
	dir := folder(t, map[string]string{"a": "a", "sub/b": "b"})
	symlink(t, "loop", filepath.Join(dir, "loop"))
	s := open(t, dir)
	for name, want := range map[string]error{
		"nothing": fs.ErrNotExist,
		"a/b":     fs.ErrNotExist,
		"sub":     files.ErrKind,
		".":       files.ErrKind,
	} {
		_, err := s.Sum(t.Context(), name)
		require.ErrorIs(t, err, want, name)
	}
	for _, name := range []string{"loop", "a\x00b", strings.Repeat("n", 300), strings.Repeat("x/", 5000)} {
		_, err := s.Sum(t.Context(), name)
		require.Error(t, err)
		require.NotErrorIs(t, err, files.ErrOutside)
		require.Less(t, len(err.Error()), 500)
	}
	_, err := s.Tree(t.Context(), "a")
	require.ErrorIs(t, err, files.ErrKind)
	_, err = s.Tree(t.Context(), "nothing")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOpenNeedsAFolderAndAWorker(t *testing.T) {
	dir := folder(t, map[string]string{"a": "a"})
	_, err := files.Open(filepath.Join(dir, "nothing"), 1)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = files.Open(filepath.Join(dir, "a"), 1)
	require.Error(t, err)
	require.PanicsWithValue(t, "files: a store needs at least one worker", func() { files.Open(dir, 0) })
}

// Whatever the path, a hash is only ever that of a file below the folder.
func FuzzSum(f *testing.F) {
	parent := folder(f, map[string]string{"secret": "outside", "in/a": "inside", "in/sub/b": "inside"})
	dir := filepath.Join(parent, "in")
	symlink(f, "..", filepath.Join(dir, "up"))
	s := open(f, dir)
	for _, seed := range []string{"a", "sub/b", "../secret", "up/secret", "/", "", "sub/../..", "a\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		sum, err := s.Sum(t.Context(), name)
		if err == nil && sum.SHA256 != digest("inside") {
			t.Fatalf("%q was hashed: %+v", name, sum)
		}
		if errors.Is(err, files.ErrOutside) && filepath.Clean(name) == "a" {
			t.Fatalf("%q was refused", name)
		}
	})
}
