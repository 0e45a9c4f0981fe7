package errgroup_test

// This file tests what only a process of its own can show: crashes, and
// settings that are read at its start.

import (
	"context"
	"os"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/errgroup"
)

// boom is the func that the crash has to name.
func boom() error { panic("boom") }

func TestAPanicCrashesTheProcessAndNamesTheTask(t *testing.T) {
	if limit := os.Getenv("PLANT_PANIC"); limit != "" {
		var g errgroup.Group
		if limit == "1" {
			g.SetLimit(1)
		}
		g.Go(boom)
		_ = g.Wait()
		os.Exit(0) // must never win
	}
	for _, limit := range []string{"none", "1"} {
		for range 10 {
			out, err := self(t, t.Name(), "PLANT_PANIC="+limit)
			require.Error(t, err, out)
			require.Contains(t, out, "panic: boom")
			require.Contains(t, out, "errgroup_test.boom")
		}
	}
}

func TestAHookThatPanicsCrashesTheProcess(t *testing.T) {
	if os.Getenv("PLANT_HOOK_PANIC") != "" {
		g, _ := errgroup.New(t.Context(), errgroup.Options{Limit: 1, PanicsAsErrors: true, OnPanic: func(e *belay.PanicError) { panic(e.Value) }})
		g.Go(boom)
		_ = g.Wait()
		os.Exit(0) // must never win
	}
	for range 20 {
		out, err := self(t, t.Name(), "PLANT_HOOK_PANIC=1")
		require.Error(t, err, out)
		require.Contains(t, out, "panic: boom")
		require.Contains(t, out, "errgroup_test.boom")
	}
}

func TestAPanicWithoutAValueCrashesToo(t *testing.T) {
	if os.Getenv("PLANT_NIL_PANIC") != "" {
		var g errgroup.Group
		g.SetLimit(1)
		g.Go(func() error { panic(nil) })
		_ = g.Wait()
		os.Exit(0) // must never win
	}
	for _, godebug := range []string{"", "panicnil=1"} {
		out, err := self(t, t.Name(), "PLANT_NIL_PANIC=1", "GODEBUG="+godebug)
		require.Error(t, err, "GODEBUG=%s: %s", godebug, out)
		require.Contains(t, out, "panic called with nil argument")
	}
}

func TestTheDebugSwitchGivesEveryTaskAGoroutineOfItsOwn(t *testing.T) {
	if os.Getenv("BELAYDEBUG") == "" {
		out, err := self(t, t.Name(), "BELAYDEBUG=other=0,freshgoroutine=1")
		require.NoError(t, err, out)
		require.Contains(t, out, "PASS")
		return
	}
	var g errgroup.Group
	g.SetLimit(1)
	seen := map[string]bool{}
	for range 200 {
		g.Go(func() error { seen[goroutineID()] = true; return nil })
	}
	require.NoError(t, g.Wait())
	require.Len(t, seen, 200)
}

// What a task inherits, as the package doc says it.
func TestProfilerLabelsAreTheSubmittersWhereTasksAreNotPooled(t *testing.T) {
	labelOf := func(g *errgroup.Group) (label string) {
		// A task is blocked at the limit when the second one is submitted, so
		// that a pooled group hands that one to the first one's worker.
		gate := make(chan struct{})
		submit := func(label string, f func() error) {
			pprof.Do(context.Background(), pprof.Labels("submitter", label), func(context.Context) { g.Go(f) })
		}
		g.SetLimit(1)
		submit("first", func() error { <-gate; return nil })
		submitted := make(chan struct{})
		go func() {
			defer close(submitted)
			submit("second", func() error { label = ownLabel(); return nil })
		}()
		for !blockedInGo() {
		}
		close(gate)
		<-submitted
		require.NoError(t, g.Wait())
		return label
	}
	g, _ := errgroup.New(t.Context(), errgroup.Options{FreshGoroutines: true})
	require.Equal(t, "second", labelOf(g))
	require.Equal(t, "first", labelOf(new(errgroup.Group)))
}

// ownLabel finds the calling goroutine's label in the goroutine profile.
func ownLabel() string {
	for _, entry := range goroutineProfile() {
		if strings.Contains(entry, "errgroup_test.ownLabel") {
			_, after, _ := strings.Cut(entry, `"submitter":"`)
			label, _, _ := strings.Cut(after, `"`)
			return label
		}
	}
	return ""
}

func blockedInGo() bool {
	for _, entry := range goroutineProfile() {
		if strings.Contains(entry, "(*Group).block") {
			return true
		}
	}
	return false
}

func goroutineProfile() []string {
	var b strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	return strings.Split(b.String(), "\n\n")
}
