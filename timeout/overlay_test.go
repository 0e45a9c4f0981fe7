package timeout_test

// This file runs the go command on source that exists only while it runs:
// package sync's own tests, pointed at this package's WaitGroup, and a copy that
// go vet has to complain about.

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/overlay"
)

func TestTheTestsOfPackageSyncPass(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "sync", "waitgroup_test.go")
	overlay.Test(t, 6, map[string]string{"waitgroup_test.go": overlay.Read(t, path,
		`. "sync"`, `. "github.com/belay-go/belay/timeout"`,
		`"sync: negative WaitGroup counter"`, `"timeout: negative WaitGroup counter"`,
		// Only the standard library may import this; all it says is that the
		// machine can run processes.
		`"internal/testenv"`, ``,
		`testenv.MustHaveExec(t)`, ``,
	)})
}

func TestGoVetReportsACopy(t *testing.T) {
	out, err := overlay.Go(t, map[string]string{
		"copied.go": "package timeout\n\nfunc lenOfACopy(wg WaitGroup) int { return wg.Len() }\n",
	}, "vet", "-copylocks", ".")
	require.Error(t, err)
	require.Contains(t, out, "lenOfACopy passes lock by value")
}
