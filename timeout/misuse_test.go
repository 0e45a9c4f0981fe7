package timeout_test

// This file holds the tests of what goes wrong in the caller's code: misuse,
// which panics where it is made, and a task's panic, which ends the process.

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

func TestACounterBelowZeroPanicsAndStaysAsItWas(t *testing.T) {
	var wg timeout.WaitGroup
	wg.Add(2)
	for _, misuse := range []func(){
		func() { wg.Add(-3) },
		func() { wg.Add(math.MinInt) },
		func() { wg.Add(math.MaxInt) }, // no int holds the sum
	} {
		require.PanicsWithValue(t, "timeout: negative WaitGroup counter", misuse)
		require.Equal(t, 2, wg.Len())
	}
	wg.Add(-2)
	require.PanicsWithValue(t, "timeout: negative WaitGroup counter", wg.Done)
	require.False(t, wg.WaitTimeout(0))
}

func TestGoOfANilFunctionPanicsInTheCallerAndAddsNothing(t *testing.T) {
	var wg timeout.WaitGroup
	require.PanicsWithValue(t, "timeout: Go of a nil function", func() { wg.Go(nil) })
	require.PanicsWithValue(t, "timeout: Go of a nil function", func() { wg.GoNamed("nobody", nil) })
	require.Zero(t, wg.Len())
}

func TestATryAddOfNoTasksPanicsClosedOrNot(t *testing.T) {
	var wg timeout.WaitGroup
	for range 2 {
		for _, delta := range []int{0, -1, math.MinInt} {
			require.PanicsWithValue(t, "timeout: TryAdd of less than one task", func() { wg.TryAdd(delta) })
		}
		wg.Close()
	}
	require.Zero(t, wg.Len())

	var full timeout.WaitGroup
	full.Add(math.MaxInt >> 1)
	require.PanicsWithValue(t, "timeout: negative WaitGroup counter", func() { full.TryAdd(math.MaxInt) })
	require.Equal(t, math.MaxInt>>1, full.Len())

	require.PanicsWithValue(t, "timeout: negative WaitGroup counter", func() { full.GoNamed("nobody", func() {}) })
	full.Add(1 - math.MaxInt>>1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.EqualError(t, full.WaitContext(ctx), "timeout: 1 of the group still running: context canceled")
}

func TestAPanicInATaskCrashesBeforeAnyWaiterIsReleased(t *testing.T) {
	const child = "TIMEOUT_TEST_PANIC"
	if os.Getenv(child) != "" {
		// A waiter that was released would exit as if nothing had happened.
		var wg timeout.WaitGroup
		wg.Add(1)
		for range 4 {
			go func() { wg.Wait(); os.Exit(0) }()
			go func() { _ = wg.WaitContext(context.Background()); os.Exit(0) }()
			go func() { wg.WaitTimeout(time.Hour); os.Exit(0) }()
		}
		wg.Go(plantedPanic)
		wg.Done()
		wg.Wait()
		os.Exit(0)
	}
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 10 {
		cmd := exec.CommandContext(ctx, self, "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), child+"=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		require.Error(t, cmd.Run(), "the process ended as if nothing had happened")
		require.Contains(t, stderr.String(), "panic: planted")
		require.Contains(t, stderr.String(), "plantedPanic", "the stack of the task is part of the crash")
	}
}

func plantedPanic() { panic("planted") }
