//go:build unix

package drive

// Main, as far as it gets without the service. A whole run takes too long for
// a test of this package: it is made of the real binary, by who builds that.

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func ExampleMain() {
	// What the service does for -drive -root no/such/folder.
	exit := Main(Config{Root: "no/such/folder", Stdout: os.Stdout, Stderr: os.Stdout})
	fmt.Println("exit", exit)
	// Output:
	// drive: flag -root: stat no/such/folder: no such file or directory
	// exit 2
}

func ExampleConfig() {
	// Progress can be sent elsewhere, so that a script has only the screen.
	var progress strings.Builder
	exit := Main(Config{Root: "drive.go", Stdout: os.Stdout, Stderr: &progress})
	fmt.Println(exit, progress.String())
	// Output:
	// 2 drive: flag -root: drive.go: not a folder
}

// mainWith runs Main with children that play a role.
func mainWith(t *testing.T, role string) (exit int, stdout, stderr string) {
	t.Setenv(roleVar, role)
	var out, err strings.Builder
	exit = Main(Config{Root: ".", Stdout: &out, Stderr: &err})
	return exit, out.String(), err.String()
}

func TestARunWithoutAServerSaysWhyNot(t *testing.T) {
	exit, stdout, stderr := mainWith(t, "dies")
	require.Equal(t, exitNoRun, exit)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "drive: restarts under load, plain: the server ended before it was ready, exit code 7")
	require.Contains(t, stderr, "no such luck")
}

func TestAnInterruptedRunEndsItsServers(t *testing.T) {
	exit, stdout, stderr := mainWith(t, "interrupts")
	require.Equal(t, exitNoRun, exit)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "drive: terminated")
}
