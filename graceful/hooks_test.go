package graceful_test

// Stop hooks that do their worst, in a real process.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/graceful"
)

func init() { plays["hooks"] = playHooks }

func playHooks(string) int {
	m := graceful.New(graceful.Options{Logger: slog.New(slog.NewTextHandler(os.Stdout, nil))})
	for i, hook := range []func(){
		func() { panic("the hook went off") },
		func() { runtime.Goexit() },
		func() { var none chan int; close(none) },
		func() { var none map[string]int; none["a"]++ },
	} {
		m.Add(i, graceful.Component{Name: fmt.Sprint("bad", i), Stop: func(context.Context) error { hook(); return nil }})
		m.Add(i, graceful.Component{Name: fmt.Sprint("good", i), Stop: func(context.Context) error { say("stopped %d", i); return nil }})
	}
	m.Add(9, graceful.Component{Name: "say", Start: func(context.Context) error { say("ready -"); return nil }})
	report, err := m.Run(context.Background())
	say("%s", report)
	var p *belay.PanicError
	if errors.As(err, &p) {
		say("%s", p.Stack)
	}
	return report.ExitCode()
}

func TestHooksThatPanicAreReportedWithTheirStacksAndTheRestStops(t *testing.T) {
	t.Parallel()
	c := start(t, "hooks")
	c.signal(syscall.SIGTERM)
	require.Equal(t, 1, c.exit(), "%s", c.output())
	out := c.output()
	for i, how := range []string{"panic", "Goexit", "panic", "panic"} {
		require.Contains(t, out, fmt.Sprintf("\nstopped %d\n", i))
		require.Regexp(t, fmt.Sprintf(`(?m)^  good%d +stopped `, i), out)
		require.Regexp(t, fmt.Sprintf(`(?m)^  bad%d +(PANICKED|failed) .*\n      %s, 1 goroutine, graceful_test\.playHooks\.func\d+ \S+/hooks_test\.go:\d+$`, i, how), out)
		require.Regexp(t, fmt.Sprintf(`(?m)^.*level=ERROR msg="graceful: component" name=bad%d .* where="%s, 1 goroutine, graceful_test\.playHooks`, i, how), out)
	}
	require.Contains(t, out, "the hook went off")
	require.Contains(t, out, "assignment to entry in nil map", "the stack of the first of them")
}
