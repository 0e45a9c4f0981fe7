package graceful_test

// The delay after SIGTERM and what ends it, or lets it not even begin.

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func init() { plays["term"] = playTerm }

// playTerm has a delay of a minute, which nobody here has the patience for.
func playTerm(arg string) int {
	opts := graceful.Options{Delay: time.Minute, Budget: 2 * time.Minute, Logger: slog.New(slog.NewTextHandler(os.Stdout, nil)), TerminationLog: "-"}
	opts.OnReady = func() { say("up") }
	var server graceful.Component
	switch arg {
	case "quiet":
		opts.DelayQuiet = time.Minute
	case "other":
		opts.DelayQuiet = quiet
		server = graceful.Server("http", "127.0.0.1:0", &http.Server{Handler: handler()})
	case "over":
		opts.Budget = time.Second
	}
	if server.Name == "" {
		server = graceful.HTTP("http", "127.0.0.1:0", &http.Server{Handler: handler()})
	}
	m := graceful.New(opts)
	m.Add(1, server)
	m.Add(2, graceful.Component{Name: "say", Start: func(ctx context.Context) error {
		say("ready %s", m.Addr("http"))
		if arg == "starting" {
			<-ctx.Done()
		}
		return nil
	}, PreStop: func(context.Context) error {
		say("asked")
		return nil
	}})
	report, _ := m.Run(context.Background())
	say("%s", report)
	return report.ExitCode()
}

func TestADelayEndsBySecondInterrupt(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"term:", "term:quiet"} {
		c := start(t, mode)
		c.line("up")
		c.signal(syscall.SIGTERM)
		c.line("asked") // the kernel keeps no order among those that are pending
		c.forces(syscall.SIGINT, `graceful: signal repeated" signal=interrupt`)
		require.Equal(t, 128+2, c.exit(), "%s", c.output())
	}
}

func TestADelayIsAPartOfTheBudget(t *testing.T) {
	t.Parallel()
	c := start(t, "term:over")
	c.line("up")
	c.signal(syscall.SIGTERM)
	require.Equal(t, 0, c.exit(), "%s", c.output())
	require.Regexp(t, `(?m)^  http +stopped `, c.output())
}

func TestThereIsNoDelayForWhatWasNeverReady(t *testing.T) {
	t.Parallel()
	c := start(t, "term:starting")
	c.signal(syscall.SIGTERM)
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestConnectionsToOtherServersKeepADelayFromEnding(t *testing.T) {
	t.Parallel()
	c := start(t, "term:other")
	c.line("up")
	c.signal(syscall.SIGTERM)
	for began := time.Now(); time.Since(began) < 5*quiet/2; { // several times what counts as quiet
		conn, err := net.DialTimeout("tcp", c.addr, patience)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		wait(20 * time.Millisecond)
	}
	require.Equal(t, 0, c.exit(), "%s", c.output())
}

func TestAPreStopHookHasTheLimitOfItsComponent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(10 * time.Second))
		var left time.Duration
		m.Add(1, graceful.Component{Name: "limited", Limit: time.Second, PreStop: func(ctx context.Context) error {
			end, _ := ctx.Deadline()
			left = time.Until(end)
			return nil
		}})
		m.Add(2, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, time.Second, left)
	})
}
