package semaphore_test

// This file runs golang.org/x/sync's own tests of its semaphore on this one.

import (
	"path/filepath"
	"testing"

	"github.com/belay-go/belay/internal/overlay"
)

func TestTheTestsOfXSyncPass(t *testing.T) {
	dir := filepath.Join(overlay.Dir(t, "golang.org/x/sync"), "semaphore")
	files := map[string]string{}
	for _, name := range []string{"semaphore_test.go", "semaphore_example_test.go", "semaphore_bench_test.go"} {
		files[name] = overlay.Read(t, filepath.Join(dir, name),
			`"golang.org/x/sync/semaphore"`, `"github.com/belay-go/belay/limiter/semaphore"`)
	}
	overlay.Test(t, 8, files)
}
