//go:build race

package edges_test

// Only with the race detector can it be seen that these tests see anything.

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheReversalOfEveryEdgeIsReported(t *testing.T) {
	for _, e := range all() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), plantedEdge+"="+e.name, "GORACE=halt_on_error=1")
			out, err := child.CombinedOutput()
			require.Error(t, err, "a reversal that nobody sees: the edge's test is hollow")
			require.Contains(t, string(out), "WARNING: DATA RACE")
		})
	}
}
