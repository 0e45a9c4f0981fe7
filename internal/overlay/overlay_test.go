package overlay_test

// This file tests that a hollow or failing run is never taken for a good one.

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/overlay"
)

const passing = "package overlaid\n\nimport \"testing\"\n\nfunc TestPasses(t *testing.T) {}\n"

// recorder stands in for a test that is to fail.
type recorder struct {
	testing.TB
	complaints []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

func complaints(t *testing.T, f func(testing.TB)) []string {
	r := &recorder{TB: t}
	func() {
		defer func() {
			if v := recover(); v != nil && v != any(r) {
				panic(v)
			}
		}()
		f(r)
	}()
	return r.complaints
}

func TestTestsThatPassAreAccepted(t *testing.T) {
	overlay.Test(t, 1, map[string]string{"a_test.go": passing})
}

func TestWhatMakesARunHollowIsAFailure(t *testing.T) {
	for name, tc := range map[string]struct {
		source  string
		atLeast int
	}{
		"a test fails":       {"package overlaid\n\nimport \"testing\"\n\nfunc TestFails(t *testing.T) { t.Error(1) }\n", 1},
		"a test skips":       {"package overlaid\n\nimport \"testing\"\n\nfunc TestSkips(t *testing.T) { t.Skip() }\n", 1},
		"it does not build":  {passing + "var x int = \"\"\n", 1},
		"too few tests":      {passing, 2},
		"there are no tests": {"package overlaid\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, complaints(t, func(tb testing.TB) {
				overlay.Test(tb, tc.atLeast, map[string]string{"a_test.go": tc.source})
			}))
		})
	}
}

func TestATextThatIsGoneIsAFailure(t *testing.T) {
	require.NotEmpty(t, complaints(t, func(tb testing.TB) { overlay.Read(tb, "overlay.go", "no such "+"text", "") }))
	require.Contains(t, overlay.Read(t, "overlay.go", "package overlay", "package x"), "package x\n")
}

func TestTheFolderOfARequiredModuleIsFound(t *testing.T) {
	require.DirExists(t, overlay.Dir(t, "golang.org/x/sync"))
}
