//go:build unix

package handover_test

// This file has anything stand in the variables by which sockets are handed over.

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/handover"
)

// FuzzInherit checks that what is meant for somebody else is dropped, with the
// variables, and no descriptor is touched.
func FuzzInherit(f *testing.F) {
	f.Add("2", "a:b", "1", "")
	f.Add("-1", "", "", "1")
	f.Add("9223372036854775807", "::", "x", "999999999")
	f.Add("99999999999999999999", "", "", "")
	f.Add("", "a", "", "")
	f.Fuzz(func(t *testing.T, count, names, pid, parent string) {
		values := []string{count, names, pid, parent}
		if strings.ContainsRune(strings.Join(values, ""), 0) {
			return // no variable has that
		}
		if n, _ := strconv.Atoi(pid); n == os.Getpid() {
			return // meant for us
		}
		if n, err := strconv.Atoi(parent); err == nil && n > 0 {
			parent = "999999999" // nobody's
		}
		for i, name := range []string{"LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "BELAY_PARENT"} {
			t.Setenv(name, values[i])
		}
		t.Setenv("BELAY_PARENT", parent)
		in, err := handover.Inherit()
		require.Nil(t, in)
		if n, bad := strconv.Atoi(count); count == "" || bad == nil && n >= 0 {
			require.NoError(t, err)
		}
		for _, name := range handover.Environment() {
			_, there := os.LookupEnv(name)
			require.False(t, there, name)
		}
	})
}
