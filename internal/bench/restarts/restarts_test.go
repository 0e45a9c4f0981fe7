//go:build unix

package restarts

// This file makes a short form of the runs, and tests that losses are seen.

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/bench/load"
)

// The test binary plays its own servers, as the command does.
func TestMain(m *testing.M) {
	if code, is := Child(); is {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func TestTwentyRestartsByGracefulLoseNothing(t *testing.T) {
	o, err := run(managed, 20, 16, 0, nil)
	require.NoError(t, err)
	require.Equal(t, 20, o.restarts)
	require.Zero(t, o.lost(), "%v", o.losses)
	require.Zero(t, o.unclean)
	for p := range o.counts {
		require.Positive(t, o.counts[p][load.Answered], load.Protocol(p))
	}
	require.LessOrEqual(t, o.after.descriptors, o.before.descriptors)
}

func TestTheLossesOfTheOthersAreSeen(t *testing.T) {
	for _, kind := range []string{handed, reused} {
		var all outcome
		for try := 0; try < controlTries && all.lost() == 0; try++ {
			o, err := run(kind, 10, 32, 0, nil)
			require.NoError(t, err)
			require.Equal(t, 10, o.restarts)
			all.add(o)
		}
		require.NotZero(t, all.lost(), kind)
		verdict, code := (&result{handed: all, reused: all, ours: all}).judge()
		require.Equal(t, 1, code, verdict)
	}
}

func TestTheExitCodeSaysWhetherTheRunsProveAnything(t *testing.T) {
	counted := func(o load.Outcome, n int64) outcome {
		one := outcome{restarts: 1}
		one.counts[load.OneShot][o] = n
		return one
	}
	lost, good := counted(load.Lost, 1), counted(load.Answered, 5)
	stranger, unclean := good, good
	stranger.stranger[1], unclean.unclean = 1, 1
	for _, c := range []struct {
		ours, handed, reused outcome
		code                 int
	}{
		{good, lost, lost, 0},
		{lost, lost, lost, 1},
		{counted(load.Late, 1), lost, lost, 1},
		{counted(load.Turned, 1), lost, lost, 1},
		{stranger, lost, lost, 1},
		{unclean, lost, lost, 1},
		{good, good, lost, 4},
		{good, lost, good, 4},
	} {
		verdict, code := (&result{ours: c.ours, handed: c.handed, reused: c.reused}).judge()
		require.Equal(t, c.code, code, verdict)
	}
}

func TestTheDrawingIsWellFormedAndHasEveryRestart(t *testing.T) {
	l := newTimeline()
	for i := range 1000 {
		l.seen()(load.OneShot, l.began.Add(time.Duration(i)*time.Millisecond), time.Duration(i)*time.Microsecond)
	}
	for range 7 {
		l.mark()
	}
	text := l.svg("title")
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	require.Equal(t, 7, strings.Count(text, `stroke-width=".6"`))
	require.Equal(t, 2, strings.Count(text, "<polyline"))
}
