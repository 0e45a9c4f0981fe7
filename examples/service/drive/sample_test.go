package drive

// What is asked for, of folders of several shapes.

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// newFolder makes a folder with files of the given sizes.
func newFolder(t *testing.T, files map[string]int) string {
	root := t.TempDir()
	for name, size := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, make([]byte, size), 0o644))
	}
	return root
}

func TestASampleIsOfSmallVisibleFiles(t *testing.T) {
	s, err := newSample(newFolder(t, map[string]int{
		"a.go": 10, "big": sampleBytes + 1, ".git/HEAD": 3, "deep/er/b.go": 20, "deep/c.go": 30,
	}))
	require.NoError(t, err)
	require.Equal(t, sample{files: []string{"a.go", "deep/c.go", "deep/er/b.go"}, dir: "deep/er"}, s)
	require.Equal(t, "a.go", s.file(3))
}

func TestASampleOfAFlatFolderStreamsTheFolderItself(t *testing.T) {
	s, err := newSample(newFolder(t, map[string]int{"a": 1, "b": 1}))
	require.NoError(t, err)
	require.Equal(t, sample{files: []string{"a", "b"}, dir: "."}, s)
}

func TestASampleIsBounded(t *testing.T) {
	files := make(map[string]int)
	for i := range 3 * sampleFiles {
		files[fmt.Sprintf("%03d", i)] = 1
	}
	s, err := newSample(newFolder(t, files))
	require.NoError(t, err)
	require.Len(t, s.files, sampleFiles)
	require.Empty(t, s.dir)
}

func TestAFolderWithNothingToAskForIsAnError(t *testing.T) {
	_, err := newSample(newFolder(t, map[string]int{"big": sampleBytes + 1}))
	require.ErrorIs(t, err, errNoFiles)
	_, err = newSample(filepath.Join(t.TempDir(), "nowhere"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestSomeRequestsTakeAWhile(t *testing.T) {
	slow := 0
	for n := range 300 {
		if d := pause(n); d != 0 {
			slow++
			require.GreaterOrEqual(t, d, 5*time.Millisecond)
			require.LessOrEqual(t, d, 50*time.Millisecond)
		}
		require.NotEqual(t, echoBody(n), echoBody(n+1))
	}
	require.Equal(t, 100, slow)
}
