//go:build unix

package graceful_test

// A kill at any point of a restart, of either process: one is left, and accepts.

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAKillAtAnyPointOfARestartLeavesOneThatAccepts(t *testing.T) {
	t.Parallel()
	for _, point := range slices.Concat(oldPoints, newPoints) {
		for _, victim := range []string{"old", "new"} {
			t.Run(point+", "+victim, func(t *testing.T) {
				t.Parallel()
				probation := "100ms"
				if victim == "new" { // until its last thread has had its turn it counts as alive
					probation = "2s"
				}
				f := raise(t, point, victim, syscall.SIGKILL, "PROBATION="+probation)
				old := f.pid
				load, end := count(f.addr, 4)
				f.kill(syscall.SIGUSR2)
				f.happened()
				if victim == "new" && (point == "main told" || point == "became main") {
					// It was the main one. The old one can't know, and goes.
					end()
					f.over()
					return
				}
				survivor := old
				if victim == "old" {
					f.ready()
					survivor = f.pid
				}
				f.alone(survivor)
				f.eventually("no client has come to it", func() bool { return load.has(survivor) })
				end()
				load.check(t, survivor, f.output())
				f.again()
				require.NotContains(t, f.output(), "DATA RACE")
				f.end()
			})
		}
	}
}

// A signal that stops the old process at any point stops both, until the new one
// has become the main one: then it is the only one that serves.
func TestASignalAtAnyPointOfARestartLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, point := range slices.Concat(oldPoints, newPoints) {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(point+", "+sig.String(), func(t *testing.T) {
				t.Parallel()
				probation := "20s" // or it may be over before the signal has come
				if point == "main" || point == "main told" || point == "became main" {
					probation = "100ms"
				}
				f := raise(t, point, "old", sig, "PROBATION="+probation)
				old := f.pid
				f.kill(syscall.SIGUSR2)
				f.happened()
				f.eventually("the old process goes on", func() bool { return dead(old) })
				replaced := false
				f.eventually("no reason to stop", func() bool {
					replaced = strings.Contains(f.output(), `stopping" cause="graceful: another process has taken this one's place`)
					return replaced || strings.Contains(f.output(), `stopping" cause="graceful: signal: `)
				})
				switch point {
				case "main told", "became main":
					require.True(t, replaced, "%s", f.output())
				case "main": // the signal may be slower
				default:
					require.False(t, replaced, "%s", f.output())
				}
				if replaced {
					state, err := f.cmd.Process.Wait()
					require.NoError(t, err)
					if point == "main told" { // at the others Run may have returned, and signals mean what they did
						require.Equal(t, 0, state.ExitCode(), "%s", f.output())
					}
					heirs := f.members()
					require.Len(t, heirs, 1, "%s", f.output())
					f.alone(heirs[0])
					f.kill(syscall.SIGTERM)
					f.gone()
					return
				}
				require.Equal(t, 0, f.over(), "%s", f.output())
				require.NotContains(t, f.output(), "DATA RACE")
			})
		}
	}
}

// A signal that stops the new process on probation brings the old one back: it
// accepts before what the new one has accepted has come to its end.
func TestTheOldProcessServesAgainIfTheNewOneIsStoppedOnProbation(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"accepted", "accepting said", "freed"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			f := raise(t, point, "new", syscall.SIGTERM, "PROBATION=20s")
			old := f.pid
			load, end := count(f.addr, 4)
			f.kill(syscall.SIGUSR2)
			f.happened()
			f.alone(old)
			f.eventually("no client has come to it", func() bool { return load.has(old) })
			end()
			for pid := range load.mu.lost {
				load.check(t, pid, f.output())
			}
			load.check(t, old, f.output())
			f.end()
			require.Equal(t, 1, strings.Count(f.output(), "restarting"))
		})
	}
}

// A request that the new process has accepted holds up its end, and nobody else.
func TestASlowRequestOfANewProcessThatStopsKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	f := raise(t, "none", "new", syscall.SIGTERM, "PROBATION=20s")
	old := f.pid
	require.Empty(t, f.restart())
	f.ready()
	heir := f.pid
	release := underWay(t, f.addr)
	require.Equal(t, strconv.Itoa(heir), f.get("/pid"))
	f.kill(syscall.SIGTERM)
	line := f.line("time=")
	for !strings.Contains(line, "accepts again") {
		line = f.line("time=")
	}
	// Both accept until the new one knows of it.
	f.eventually("the old one does not accept", func() bool { return f.get("/pid") == strconv.Itoa(old) })
	require.False(t, dead(heir), "it has a request to answer")
	release()
	f.alone(old)
	f.end()
}

func TestWhatIsStillStoppingForANewProcessThatDiesIsTakenBack(t *testing.T) {
	t.Parallel()
	f := raise(t, "softened", "new", syscall.SIGKILL, "PROBATION=20s", "CRON_STOP=300ms")
	old := f.pid
	f.kill(syscall.SIGUSR2)
	f.line("cron starts in " + strconv.Itoa(old))
	require.Equal(t, 1, strings.Count(f.output(), "cron stops"), "%s", f.output())
	f.alone(old)
	f.end()
}

// One that doesn't move is waited for as long as the budget lasts. When it moves
// again, it finds that it was told to stop.
func TestANewProcessThatDoesNotMoveHoldsUpAStopForItsBudget(t *testing.T) {
	t.Parallel()
	f := raise(t, "none", "new", 0, "PROBATION=1m")
	old := f.pid
	require.Empty(t, f.restart())
	f.ready()
	heir := f.pid
	f.kill(syscall.SIGSTOP)
	f.pid = old
	f.kill(syscall.SIGTERM)
	f.saw("process " + strconv.Itoa(old) + " is done: <nil>")
	// It is heard before it has ended.
	f.eventually("the old process is still there", func() bool { return slices.Equal(f.members(), []int{heir}) })
	f.pid = heir
	f.kill(syscall.SIGCONT)
	require.Equal(t, 0, f.over(), "%s", f.output())
	require.Contains(t, f.output(), "stop together with the process that this one replaces")
}

func TestASecondInterruptOnProbationEndsTheNewProcessToo(t *testing.T) {
	t.Parallel()
	f := raise(t, "none", "new", 0, "PROBATION=1m")
	old := f.pid
	require.Empty(t, f.restart())
	f.ready()
	f.kill(syscall.SIGSTOP)
	require.Equal(t, old, f.cmd.Process.Pid)
	f.forces(syscall.SIGINT, `graceful: stopping" cause="graceful: signal: interrupt`)
	require.Equal(t, 130, f.over(), "%s", f.output())
}
