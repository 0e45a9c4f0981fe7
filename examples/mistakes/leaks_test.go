package mistakes_test

// This file tells goroutines that have leaked from those that have not, by their
// stacks and, in a build that has it, by the runtime's goroutine-leak profile.

import (
	"bytes"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is for a machine that has much else to do.
const patience = 20 * time.Second

// eventually waits until ok says so.
func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), what)
	}
}

// goroutines returns the stacks of the goroutines that function has started.
func goroutines(function string) []string {
	buf := make([]byte, 1<<20)
	for n := 0; ; buf = make([]byte, 2*len(buf)) {
		if n = runtime.Stack(buf, true); n < len(buf) {
			buf = buf[:n]
			break
		}
	}
	var found []string
	for _, stack := range strings.Split(string(buf), "\n\n") {
		// The name ends at its closure, its argument list or its creator's line.
		if strings.Contains(stack, "/mistakes."+function+".func") || strings.Contains(stack, "created by github.com/belay-go/belay/examples/mistakes."+function+" ") {
			found = append(found, stack)
		}
	}
	return found
}

// leaks requires that a goroutine of function stays in the given wait, and that
// the garbage collector agrees that nothing will ever wake it.
func leaks(t *testing.T, function, wait string) {
	t.Helper()
	eventually(t, func() bool {
		for _, stack := range goroutines(function) {
			head, _, _ := strings.Cut(stack, "\n")
			if strings.Contains(head, "["+wait) {
				return true
			}
		}
		return false
	}, function+" has left no goroutine in "+wait)
	if os.Getenv("BELAY_REQUIRE_LEAK_PROFILE") != "" {
		require.NotNil(t, pprof.Lookup("goroutineleak"), "this run was to use the goroutine-leak profile, and its build has none")
	}
	if pprof.Lookup("goroutineleak") != nil {
		eventually(t, func() bool { return profiled(t, "mistakes."+function+".func") }, "the leak profile doesn't know "+function)
	}
}

// clean requires that every goroutine of function ends.
func clean(t *testing.T, function string) {
	t.Helper()
	eventually(t, func() bool { return len(goroutines(function)) == 0 }, function+" has left a goroutine")
	require.False(t, profiled(t, "mistakes."+function+".func"), function)
}

// profiled reports whether the leak profile has a goroutine in whose stack is text.
func profiled(t *testing.T, text string) bool {
	p := pprof.Lookup("goroutineleak")
	if p == nil {
		return false
	}
	var b bytes.Buffer
	require.NoError(t, p.WriteTo(&b, 1)) // runs the collection that finds them
	return strings.Contains(b.String(), text)
}

// What finds leaks has to find one, and to leave alone what ends.
func TestALeakIsToldFromAGoroutineThatEnds(t *testing.T) {
	require.Empty(t, goroutines("NoSuchFunction"))
	release := make(chan struct{})
	go held(release)
	eventually(t, func() bool { return strings.Contains(strings.Join(all(), ""), "mistakes_test.held") }, "it has not started")
	require.False(t, profiled(t, "mistakes_test.held"), "somebody can still wake it")
	close(release)
	eventually(t, func() bool { return !strings.Contains(strings.Join(all(), ""), "mistakes_test.held") }, "it has not ended")
}

func held(release <-chan struct{}) { <-release }

func all() []string {
	buf := make([]byte, 1<<20)
	return strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
}
