//go:build unix

package main

// What the supervisor makes of servers that leave something behind, and of
// restarts before anything was ready: without processes.

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatAServerHasStartedIsPartOfIt(t *testing.T) {
	w := newWorld(t, config{grace: 5 * time.Second})
	w.says(1, "READY=1")
	w.left[1] = true
	w.dies(1)
	require.Equal(t, syscall.SIGTERM, w.asked[-1], "nobody else would tell it")
	w.pass(firstBackoff)
	require.Equal(t, 2, w.current(0), "which nobody waits for")
	w.says(2, "READY=1")
	w.pass(3 * time.Second)
	w.stop(w.now, nil)
	w.dies(2)
	require.False(t, w.over(), "it still runs")
	w.pass(2 * time.Second)
	require.Equal(t, syscall.SIGKILL, w.asked[-1])
	require.False(t, w.over())
	delete(w.left, 1)
	w.pass(lookAgain)
	require.True(t, w.over())
	require.Equal(t, 3, w.finish())
	require.Equal(t, []string{"what server 1 (pid 1) has started did not end within 5s"}, w.unclean)
}

func TestWhatAServerLeavesBehindMayEndByItself(t *testing.T) {
	w := newWorld(t, config{})
	w.says(1, "READY=1")
	w.stop(w.now, nil)
	w.left[1] = true
	w.dies(1)
	w.pass(time.Second)
	require.False(t, w.over())
	delete(w.left, 1)
	w.pass(lookAgain)
	require.True(t, w.over())
	require.Equal(t, 0, w.finish())
}

func TestTheEndOfASuccessorIsSeenThoughSomebodyElseHasWaitedForIt(t *testing.T) {
	w := newWorld(t, config{})
	w.live[77] = true
	w.says(1, "READY=1\nMAINPID=77")
	w.pass(time.Minute)
	delete(w.live, 77) // its parent is 1, which drains
	w.pass(lookAgain)
	require.Equal(t, 1, w.crashed)
	w.pass(firstBackoff)
	require.Equal(t, 2, w.current(0))
}

func TestAServerThatWasKilledInARestartDoesNotSpoilTheStop(t *testing.T) {
	w := newWorld(t, config{})
	w.says(1, "READY=1")
	w.beginRestart(w.now, func(error) {})
	w.says(2, "READY=1")
	w.pass(time.Minute)
	require.Equal(t, syscall.SIGKILL, w.asked[1])
	w.dies(1)
	w.stop(w.now, nil)
	w.dies(2)
	require.Equal(t, 0, w.finish())
}

func TestARestartBeforeAnythingWasReadySaysNothingThatIsNotSo(t *testing.T) {
	t.Run("and fails", func(t *testing.T) {
		w := newWorld(t, config{})
		w.beginRestart(w.now, func(error) {})
		w.dies(2)
		w.stop(w.now, nil)
		for _, text := range w.told {
			require.NotContains(t, text, "READY=1")
			require.NotContains(t, text, "RELOADING=1")
		}
	})
	t.Run("and succeeds", func(t *testing.T) {
		w := newWorld(t, config{probation: time.Hour})
		w.beginRestart(w.now, func(error) {})
		w.says(2, "READY=1")
		w.pass(0)
		require.Equal(t, 2, w.current(0), "a probation beside one that isn't ready is none")
		require.Equal(t, "ready", w.status(1, w.now).State)
		require.True(t, slices.Contains(w.told, "READY=1\nSTATUS=restarted"))
	})
}

func TestACrashBesideANewServerThatHangsIsMadeGoodAtOnce(t *testing.T) {
	w := newWorld(t, config{readyLimit: time.Hour})
	w.says(1, "READY=1")
	w.beginRestart(w.now, func(error) {})
	w.dies(1)
	w.pass(firstBackoff)
	require.Equal(t, 3, w.current(0))
	w.says(3, "READY=1")
	w.says(2, "READY=1")
	w.pass(time.Second)
	require.Equal(t, 2, w.current(0))
	require.Equal(t, syscall.SIGTERM, w.asked[3])
}
