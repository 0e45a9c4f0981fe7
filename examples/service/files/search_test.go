package files_test

// Searching: what is found, and what leaving a search leaves behind.

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/examples/service/files"
)

func TestASearchFindsWhatAPlainReadFinds(t *testing.T) {
	content := map[string]string{
		"binary":  "needle\x00needle",
		"long":    strings.Repeat("x", 200_000) + "needle\nneedle again",
		"invalid": "needle \xff\xfe\r\n",
		"none":    "nothing here\n",
	}
	want := []files.Match{{Path: "invalid", Line: 1, Text: "needle ?"}, {Path: "long", Line: 2, Text: "needle again"}}
	for i := range 50 {
		name := fmt.Sprintf("many/%02d", i)
		for n := range 600 {
			text := "hay"
			if rand.N(2) == 0 {
				text = strings.Repeat("needle ", 1+rand.N(40))
				want = append(want, files.Match{Path: name, Line: n + 1, Text: text[:min(len(text), 200)]})
			}
			content[name] += text + "\n"
		}
	}
	var got []files.Match
	for matches, err := range open(t, folder(t, content)).Search(t.Context(), "needle") {
		require.NoError(t, err)
		require.NotEmpty(t, matches)
		got = append(got, matches...)
	}
	// The sort is stable, so the lines of one file have come in order.
	slices.SortStableFunc(got, func(a, b files.Match) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(want, func(a, b files.Match) int { return cmp.Compare(a.Path, b.Path) })
	require.Equal(t, want, got)
}

func TestASearchThatIsLeftLeavesNoGoroutine(t *testing.T) {
	content := map[string]string{}
	for i := range 100 {
		content[fmt.Sprint(i)] = strings.Repeat("needle\n", 1000)
	}
	s := open(t, folder(t, content))
	// A bubble ends only when all of its goroutines have.
	synctest.Test(t, func(t *testing.T) {
		for matches, err := range s.Search(t.Context(), "needle") {
			require.NoError(t, err)
			require.NotEmpty(t, matches)
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		for _, err := range s.Search(ctx, "needle") {
			cancel()
			last = err
		}
		require.ErrorIs(t, last, context.Canceled)
	})
}

func TestASearchForNothingFails(t *testing.T) {
	s := open(t, folder(t, map[string]string{"a": "a"}))
	for _, err := range s.Search(t.Context(), "") {
		require.ErrorIs(t, err, files.ErrEmptyQuery)
	}
}
