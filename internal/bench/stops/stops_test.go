package main

// This file tests that the command can tell the outcomes apart, and that it sees
// losses where there are some.

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/bench/load"
)

// The test binary plays its own child, as the command does.
func TestMain(m *testing.M) {
	if kind := os.Getenv(role); kind != "" {
		os.Exit(playServer(kind))
	}
	os.Exit(m.Run())
}

func TestAStopByGracefulIsClean(t *testing.T) {
	s := &side{kind: managed}
	require.NoError(t, s.stop(8))
	require.Zero(t, s.unclean)
	require.GreaterOrEqual(t, s.total(load.Answered), int64(load.Warm))
	require.GreaterOrEqual(t, s.flying, 8)
	for p := range s.counts {
		require.Positive(t, s.counts[p][load.Answered], load.Protocol(p))
		require.EqualValues(t, 8+8/4+1, s.counts[p][load.Refused], load.Protocol(p))
	}
}

func TestTheLossesOfAPlainStopAreSeen(t *testing.T) {
	s := &side{kind: plain}
	for range controlMost {
		require.NoError(t, s.stop(32))
		if s.lost() > 0 {
			return
		}
	}
	require.Fail(t, "the control lost nothing")
}

// A server that ends without a word loses whatever is in flight.
func TestEveryRequestInFlightIsLostWithItsServer(t *testing.T) {
	c, err := start(managed)
	require.NoError(t, err)
	l := load.Start(c.addrs, 4)
	require.GreaterOrEqual(t, l.Ready(4), 4)
	c.kill()
	<-c.gone
	l.Gone()
	l.Wait()
	for p := range load.Protocol(load.Protocols) {
		require.GreaterOrEqual(t, l.Count(p, load.Lost)+l.Count(p, load.Late), int64(2), p)
	}
	require.NotEmpty(t, l.Losses())
}

func TestTheExitCodeSaysWhetherTheRunProvesAnything(t *testing.T) {
	counted := func(o load.Outcome, n int64) *side {
		s := &side{stops: 1}
		s.counts[load.OneShot][o] = n
		return s
	}
	for _, c := range []struct {
		ours, control *side
		code          int
		verdict       string
	}{
		{counted(load.Answered, 5000), counted(load.Lost, 1), 0, "PASS: graceful lost 0 of 5,000; the control lost 1 of 1"},
		{counted(load.Late, 5), counted(load.Lost, 1), 0, "PASS: graceful lost 0 of 5; the control lost 1 of 1"},
		{counted(load.Lost, 1), counted(load.Lost, 1), 1, "FAIL: graceful lost 1 of 1, and 0 of 1 stops did not end cleanly"},
		{&side{stops: 9, unclean: 2}, counted(load.Lost, 1), 1, "FAIL: graceful lost 0 of 0, and 2 of 9 stops did not end cleanly"},
		{counted(load.Lost, 1), counted(load.Late, 1), 4, "VOID: 1 stops by Shutdown and GracefulStop lost nothing: this load proves nothing"},
	} {
		verdict, code := judge(c.ours, c.control)
		require.Equal(t, c.verdict, verdict)
		require.Equal(t, c.code, code)
	}
}

func TestTheTableFitsOnAScreen(t *testing.T) {
	s := &side{kind: managed, stops: 100, after: []time.Duration{time.Second, time.Millisecond, time.Minute}}
	s.counts[load.OverTLS][load.Answered] = 1234567
	text := table(s, s, 64)
	require.LessOrEqual(t, strings.Count(text, "\n"), 24)
	require.Contains(t, text, "TLS h2              |  1,234,567      0")
	require.Contains(t, text, "p50 1000.0 ms, max 60000.0 ms")
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, thousands(n))
	}
}
