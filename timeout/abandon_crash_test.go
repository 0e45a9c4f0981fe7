package timeout_test

// This file tests what only a process of its own can show: the panics that have
// nobody left to go to.

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

// orphan runs only this test, in a process that has to crash.
func orphan(t *testing.T, env string) (stderr string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), env+"=1")
	var out bytes.Buffer
	cmd.Stderr = &out
	require.Error(t, cmd.Run(), "the process ended as if nothing had happened")
	return out.String()
}

// outlived lets f end after its caller has gone, and exits as if nothing had
// happened as soon as anybody says that it is over.
func outlived(r *timeout.Runner, f func() (int, error)) {
	gate := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	_, _ = timeout.Abandon(r, ctx, time.Hour, func(context.Context) (int, error) {
		cancel()
		<-gate
		return f()
	})
	for range 4 {
		go func() { _ = r.WaitContext(context.Background()); os.Exit(0) }()
	}
	close(gate)
	_ = r.WaitContext(context.Background())
	os.Exit(0)
}

func TestAnEarlyPanicThatNobodyTakesCrashesWithItsOwnStack(t *testing.T) {
	const env = "TIMEOUT_TEST_EARLY_PANIC"
	if os.Getenv(env) != "" {
		var r timeout.Runner
		_, _ = timeout.Abandon(&r, context.Background(), time.Hour, func(context.Context) (int, error) { return plantedBoom() })
		os.Exit(0)
	}
	stderr := orphan(t, env)
	require.Contains(t, stderr, "panic: boom")
	require.Contains(t, stderr, "plantedBoom", "the stack of the function")
	require.Contains(t, stderr, "TestAnEarlyPanic", "the stack of the caller")
}

func TestALatePanicThatNobodyTakesCrashesWithItsOwnStack(t *testing.T) {
	const env = "TIMEOUT_TEST_LATE_PANIC"
	if os.Getenv(env) != "" {
		outlived(new(timeout.Runner), plantedBoom)
	}
	for range 10 {
		stderr := orphan(t, env)
		require.Contains(t, stderr, "panic: boom")
		require.Contains(t, stderr, "plantedBoom")
	}
}

func TestAnOnLateThatPanicsCrashesBeforeAnyWaiterIsReleased(t *testing.T) {
	const env = "TIMEOUT_TEST_ON_LATE_PANIC"
	if os.Getenv(env) != "" {
		outlived(&timeout.Runner{OnLate: func(any, error) { _, _ = plantedBoom() }}, func() (int, error) { return 0, nil })
	}
	for range 10 {
		stderr := orphan(t, env)
		require.Contains(t, stderr, "panic: boom")
		require.Contains(t, stderr, "plantedBoom")
	}
}
