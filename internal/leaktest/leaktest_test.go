package leaktest_test

// This file plants leaks and sees that each is found.

import (
	"bytes"
	"os"
	"os/exec"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/leaktest"
)

func TestAGoroutineThatStillRunsIsFound(t *testing.T) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // ends when the test says so
		defer close(stopped)
		<-stop
	}()
	require.Contains(t, leaktest.Find(0), "TestAGoroutineThatStillRunsIsFound")
	close(stop)
	<-stopped
	require.Empty(t, leaktest.Find(10e9))
}

// In a process of its own, since what is planted stays for good.
func TestAGoroutineThatCanNeverRunAgainIsFoundByTheProfile(t *testing.T) {
	if os.Getenv("LEAKTEST_PLANT") != "" {
		go func(abandoned chan int) { abandoned <- 1 }(make(chan int)) // never ends: the planted leak
		require.NotEmpty(t, leaktest.Find(0))
		if p := pprof.Lookup("goroutineleak"); p != nil {
			var b bytes.Buffer
			for range 1000 { // it has to get as far as its send first
				b.Reset()
				require.NoError(t, p.WriteTo(&b, 1))
				if p.Count() > 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			require.Equal(t, 1, p.Count())
			require.Contains(t, b.String(), t.Name())
		}
		os.Exit(0) // past the check that ends every test binary: the next test is about that
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "LEAKTEST_PLANT=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	if os.Getenv("BELAY_REQUIRE_LEAK_PROFILE") != "" {
		require.True(t, leaktest.HasProfile(), "this run was to use the goroutine-leak profile, and its build has none")
	}
}

func TestMainFailsABinaryThatLeaks(t *testing.T) {
	if os.Getenv("LEAKTEST_MAIN") != "" {
		go func() { select {} }() // never ends: the planted leak
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "LEAKTEST_MAIN=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", out)
	require.Contains(t, string(out), "leaktest: goroutines left behind")
}

func TestMain(m *testing.M) { leaktest.Main(m) }
