package sdnotify_test

// This file has anybody send a notice.

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/sdnotify"
)

// FuzzParse checks that what was read is in the text, in its order, and is read
// again as it was.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"READY=1", "STATUS=a=b\nMAINPID=7", "\n\n=x\nno\n", "A=\n", "\x00=\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fields := sdnotify.Parse(text)
		var lines []string
		for _, field := range fields {
			require.NotEmpty(t, field.Name)
			require.NotContains(t, field.Name+field.Value, "\n")
			require.NotContains(t, field.Name, "=")
			lines = append(lines, field.Name+"="+field.Value)
		}
		require.LessOrEqual(t, len(fields), strings.Count(text, "\n")+1)
		require.Equal(t, fields, sdnotify.Parse(strings.Join(lines, "\n")))
	})
}
