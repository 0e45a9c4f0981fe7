package errgroup_test

// This file holds the group against what it replaces: x/sync's own tests, go
// vet, and the size of a program.

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/overlay"
)

func TestTheTestsOfXSyncPass(t *testing.T) {
	dir := filepath.Join(overlay.Dir(t, "golang.org/x/sync"), "errgroup")
	files := map[string]string{}
	for _, name := range []string{"errgroup_test.go", "errgroup_example_md5all_test.go"} {
		files[name] = overlay.Read(t, filepath.Join(dir, name),
			`"golang.org/x/sync/errgroup"`, `"github.com/belay-go/belay/errgroup"`)
	}
	overlay.Test(t, 5, files)
}

func TestGoVetReportsACopiedGroup(t *testing.T) {
	out, err := overlay.Go(t, map[string]string{
		"copied.go": "package errgroup\n\nfunc waitForACopy(g Group) error { return g.Wait() }\n",
	}, "vet", "-copylocks", ".")
	require.Error(t, err)
	require.Contains(t, out, "waitForACopy passes lock by value")
}

func TestAProgramGrowsByAtMost64KiBOverOneWithXSync(t *testing.T) {
	const allowed = 64 << 10
	size := func(path string) int64 {
		binary := filepath.Join(t.TempDir(), "program")
		out, err := overlay.Go(t, map[string]string{"program/main.go": `package main

import "` + path + `"

func main() {
	var g errgroup.Group
	g.SetLimit(2)
	g.Go(func() error { return nil })
	if err := g.Wait(); err != nil {
		panic(err)
	}
}
`}, "build", "-o", binary, "./program")
		require.NoError(t, err, out)
		info, err := os.Stat(binary)
		require.NoError(t, err)
		return info.Size()
	}
	theirs, ours := size("golang.org/x/sync/errgroup"), size("github.com/belay-go/belay/errgroup")
	t.Logf("x/sync %d bytes, ours %+d", theirs, ours-theirs)
	require.LessOrEqual(t, ours-theirs, int64(allowed))
}

// self runs one test of this binary in a process of its own.
func self(t *testing.T, test string, env ...string) (output string, err error) {
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
