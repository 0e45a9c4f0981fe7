package files_test

// Hashing: what is listed, and what a done context reads.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/examples/service/files"
)

func TestATreeIsHashedWholeAndSorted(t *testing.T) {
	content := map[string]string{}
	var want []files.Sum
	for i := range 200 {
		name := fmt.Sprintf("d%d/%d.txt", rand.N(9), i)
		text := strings.Repeat(name, rand.N(2000))
		content[name] = text
		want = append(want, files.Sum{Path: name, SHA256: digest(text), Size: int64(len(text))})
	}
	slices.SortFunc(want, func(a, b files.Sum) int { return cmp.Compare(a.Path, b.Path) })
	s := open(t, folder(t, content))
	got, err := s.Tree(t.Context(), ".")
	require.NoError(t, err)
	require.Equal(t, want, got)

	sub, err := s.Tree(t.Context(), "./d0/")
	require.NoError(t, err)
	for _, sum := range sub {
		require.True(t, strings.HasPrefix(sum.Path, "d0/"), sum.Path)
	}
}

func TestAnEmptyFolderIsAnEmptyList(t *testing.T) {
	got, err := open(t, t.TempDir()).Tree(t.Context(), ".")
	require.NoError(t, err)
	require.Equal(t, []files.Sum{}, got)
}

func TestATreeListsRegularFilesOnly(t *testing.T) {
	dir := folder(t, map[string]string{"a": "a", "sub/b": "b"})
	symlink(t, "a", filepath.Join(dir, "link"))
	symlink(t, "sub", filepath.Join(dir, "sublink"))
	s := open(t, dir)
	got, err := s.Tree(t.Context(), ".")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "sub/b"}, paths(got))
	got, err = s.Tree(t.Context(), "sublink")
	require.NoError(t, err)
	require.Equal(t, []string{"sublink/b"}, paths(got))
}

func TestAFileThatCannotBeReadIsListedWithTheReason(t *testing.T) {
	dir := folder(t, map[string]string{"a": "a", "locked": "b"})
	require.NoError(t, os.Chmod(filepath.Join(dir, "locked"), 0))
	got, err := open(t, dir).Tree(t.Context(), ".")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "locked"}, paths(got))
	require.Equal(t, os.Getuid() == 0, got[1].Error == "", "root reads it all the same")
}

func TestADoneContextReadsNothing(t *testing.T) {
	s := open(t, folder(t, map[string]string{"a": "a", "b": "a"}))
	cause := errors.New("the client is gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, err := s.Sum(ctx, "a")
	require.ErrorIs(t, err, cause)
	_, err = s.Tree(ctx, ".")
	require.ErrorIs(t, err, cause)
	for matches, err := range s.Search(ctx, "a") {
		require.Empty(t, matches)
		require.ErrorIs(t, err, cause)
	}
}

func paths(sums []files.Sum) []string {
	var names []string
	for _, sum := range sums {
		names = append(names, sum.Path)
	}
	return names
}
