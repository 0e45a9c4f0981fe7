//go:build unix

package main

// The supervisor without processes: a world of numbers, and time as it is told.

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is what a supervisor under test acts on.
type world struct {
	*supervisor
	t       *testing.T
	now     time.Time
	pids    int
	live    map[int]bool           // processes that run
	left    map[int]bool           // groups that still run then
	asked   map[int]syscall.Signal // what they were last sent
	told    []string
	refuses error // the next start fails with it
}

func newWorld(t *testing.T, c config) *world {
	w := &world{t: t, now: time.Unix(1e9, 0), live: map[int]bool{}, left: map[int]bool{}, asked: map[int]syscall.Signal{}}
	if c.servers == 0 {
		c.servers = 1
	}
	if c.readyLimit == 0 {
		c.readyLimit = time.Minute
	}
	if c.grace == 0 {
		c.grace = 25 * time.Second
	}
	w.supervisor = &supervisor{config: c, system: system{
		start: func(*server) (int, error) {
			if err := w.refuses; err != nil {
				w.refuses = nil
				return 0, err
			}
			w.pids++
			w.live[w.pids] = true
			return w.pids, nil
		},
		signal: func(pid int, sig syscall.Signal) {
			if w.live[pid] || w.left[-pid] {
				w.asked[pid] = sig
			}
		},
		runs: func(pid int) bool { return w.live[pid] || w.left[-pid] },
		ours: func(int) bool { return true },
		tell: func(text string) { w.told = append(w.told, text) },
		log:  slog.New(slog.DiscardHandler),
	}}
	w.begin(w.now)
	return w
}

// pass lets time go by, with a tick at each moment that the supervisor asked for.
func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); ; {
		next := w.tick(w.now)
		if next.IsZero() || next.After(end) {
			w.now = end
			w.tick(w.now)
			return
		}
		require.True(w.t, next.After(w.now), "a tick that asks for itself again")
		w.now = next
	}
}

func (w *world) says(pid int, text string) {
	if _, server := w.find(pid); server != nil {
		w.noticed(server, text, w.now)
	}
}

func (w *world) dies(pid int) {
	if w.live[pid] {
		delete(w.live, pid)
		w.exited(pid, "exit status 1", w.now)
	}
}

func (w *world) current(slot int) int {
	if s := w.slots[slot].current; s != nil {
		return s.pid
	}
	return 0
}

// answer is what a request was told.
type answer struct {
	err  error
	done bool
}

func (a *answer) take(err error) { a.err, a.done = err, true }

func TestARestartStopsTheOldServerWhenTheNewOneHasServedForItsProbation(t *testing.T) {
	w := newWorld(t, config{probation: 10 * time.Second})
	w.says(1, "READY=1")
	require.Equal(t, []string{"READY=1\nSTATUS=ready"}, w.told)
	var a answer
	w.beginRestart(w.now, a.take)
	w.pass(30 * time.Second)
	require.Empty(t, w.asked, "the new one is not ready")
	w.says(2, "STATUS=warming up\nREADY=1")
	w.pass(10*time.Second - 1)
	require.Empty(t, w.asked, "it is on probation")
	w.pass(1)
	require.Equal(t, map[int]syscall.Signal{1: syscall.SIGTERM}, w.asked)
	require.True(t, a.done)
	require.NoError(t, a.err)
	require.Equal(t, 2, w.current(0))
	w.dies(1)
	require.Zero(t, w.crashed, "it was told to")
	require.Equal(t, 1, w.restarts)
	require.Regexp(t, `^RELOADING=1\n(MONOTONIC_USEC=\d+\n)?STATUS=restarting$`, w.told[1])
	require.Equal(t, "READY=1\nSTATUS=restarted", w.told[len(w.told)-1])
}

func TestANewServerThatIsNoGoodIsThrownAway(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(w *world)
		want    string
	}{
		"ends before it is ready":  {func(w *world) { w.dies(2) }, "the new server 2 (pid 2) has ended: exit status 1"},
		"ends on probation":        {func(w *world) { w.says(2, "READY=1"); w.pass(time.Second); w.dies(2) }, "the new server 2 (pid 2) has ended: exit status 1"},
		"is not ready in time":     {func(w *world) { w.pass(time.Minute) }, "the new server 2 (pid 2) was not ready within 1m0s"},
		"a stop comes in between":  {func(w *world) { w.stop(w.now, nil) }, "a stop is under way"},
		"says something else":      {func(w *world) { w.says(2, "READY=0\nREADY\n=1\nSTATUS=x"); w.pass(time.Minute) }, "was not ready within"},
		"speaks for another of it": {func(w *world) { w.live[77] = true; w.says(2, "MAINPID=77"); w.dies(77) }, "the new server 2 (pid 77) has ended"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, config{probation: 10 * time.Second})
			w.says(1, "READY=1")
			var a answer
			w.beginRestart(w.now, a.take)
			c.happens(w)
			require.True(t, a.done)
			require.ErrorContains(t, a.err, c.want)
			if !w.stopping {
				require.Equal(t, 1, w.current(0))
				require.NotContains(t, w.asked, 1)
				require.Contains(t, w.told[len(w.told)-1], "READY=1\nSTATUS=restart failed: ")
			}
			for pid := range w.live {
				require.True(t, pid != 2 || w.asked[2] != 0 || name == "speaks for another of it", "it is left alone")
			}
		})
	}
}

func TestAServerThatCanNotBeStartedFailsTheRestart(t *testing.T) {
	w := newWorld(t, config{})
	w.says(1, "READY=1")
	w.refuses = errors.New("no such file")
	var a answer
	w.beginRestart(w.now, a.take)
	require.ErrorContains(t, a.err, "no such file")
	require.Equal(t, 1, w.current(0))
}

func TestOneRestartAtATime(t *testing.T) {
	w := newWorld(t, config{})
	var a, b, c answer
	w.beginRestart(w.now, a.take)
	w.beginRestart(w.now, b.take)
	require.ErrorIs(t, b.err, errUnderWay)
	require.False(t, a.done)
	w.stop(w.now, nil)
	require.ErrorIs(t, a.err, errStopping)
	w.beginRestart(w.now, c.take)
	require.ErrorIs(t, c.err, errStopping)
}

func TestServersAreReplacedOneByOne(t *testing.T) {
	w := newWorld(t, config{servers: 3, probation: time.Second})
	for pid := range 3 {
		require.Empty(t, w.told, "ready when all are")
		w.says(pid+1, "READY=1")
	}
	require.Len(t, w.told, 1)
	var a answer
	w.beginRestart(w.now, a.take)
	for i := range 3 {
		require.Len(t, w.live, 4, "three serve, and one is new")
		w.says(4+i, "READY=1")
		w.pass(time.Second)
		require.Equal(t, syscall.SIGTERM, w.asked[1+i])
		w.dies(1 + i)
	}
	require.True(t, a.done)
	require.NoError(t, a.err)
	require.Equal(t, []int{4, 5, 6}, []int{w.current(0), w.current(1), w.current(2)})
}

func TestACrashedServerComesBackAndOneThatCrashesOnIsGivenUp(t *testing.T) {
	w := newWorld(t, config{})
	w.says(1, "READY=1")
	for i, backoff := range []time.Duration{100, 200, 400, 800} {
		w.dies(i + 1)
		require.Zero(t, w.current(0))
		w.pass(backoff*time.Millisecond - 1)
		require.Zero(t, w.current(0), "%d", i)
		w.pass(1)
		require.Equal(t, i+2, w.current(0))
	}
	require.False(t, w.over())
	w.dies(5)
	require.True(t, w.over())
	require.Equal(t, 1, w.finish())
	require.ErrorIs(t, w.failure, errCrashes)
}

func TestCrashesOfLongAgoAreForgotten(t *testing.T) {
	w := newWorld(t, config{})
	w.says(1, "READY=1")
	for i := range 20 {
		w.dies(i + 1)
		w.pass(crashTime / 3)
		require.Equal(t, i+2, w.current(0), "three in a minute are not too many")
	}
	require.Equal(t, 20, w.crashed)
}

func TestAConnectionNeverWaitsTenSecondsForACrashedServer(t *testing.T) {
	w := newWorld(t, config{servers: 4})
	for i := range 4 { // each is a crash of another slot
		w.dies(i + 1)
		died := w.now
		for w.current(i) == 0 {
			w.pass(time.Millisecond)
		}
		require.Less(t, w.now.Sub(died), 10*time.Second)
	}
}

func TestACrashInARestartLetsTheNewServerServeAtOnce(t *testing.T) {
	t.Run("that is ready", func(t *testing.T) {
		w := newWorld(t, config{probation: time.Hour})
		w.says(1, "READY=1")
		var a answer
		w.beginRestart(w.now, a.take)
		w.says(2, "READY=1")
		w.dies(1)
		require.Equal(t, 2, w.current(0))
		require.NoError(t, a.err)
		require.True(t, a.done)
	})
	t.Run("that is about to be", func(t *testing.T) {
		w := newWorld(t, config{probation: time.Hour})
		w.says(1, "READY=1")
		var a answer
		w.beginRestart(w.now, a.take)
		w.dies(1)
		w.says(2, "READY=1")
		w.pass(0)
		require.Equal(t, 2, w.current(0))
		require.True(t, a.done)
	})
	t.Run("that fails", func(t *testing.T) {
		w := newWorld(t, config{probation: time.Hour})
		w.says(1, "READY=1")
		var a answer
		w.beginRestart(w.now, a.take)
		w.dies(1)
		w.pass(time.Second)
		w.dies(2)
		require.Error(t, a.err)
		w.pass(0)
		require.Equal(t, 3, w.current(0))
	})
}

func TestAServerThatCanNotSayWhenItIsReadyIsWaitedFor(t *testing.T) {
	w := newWorld(t, config{after: 2 * time.Second})
	w.says(1, "READY=1")
	w.pass(2*time.Second - 1)
	require.False(t, w.ready)
	w.pass(1)
	require.True(t, w.ready)
}

func TestAFirstServerThatIsNeverReadyIsReplaced(t *testing.T) {
	w := newWorld(t, config{readyLimit: time.Second})
	w.pass(time.Second)
	require.Equal(t, syscall.SIGKILL, w.asked[1])
	w.dies(1)
	w.pass(firstBackoff)
	require.Equal(t, 2, w.current(0))
	require.Equal(t, 1, w.crashed)
}

func TestAStopNamesWhatHadToBeKilled(t *testing.T) {
	w := newWorld(t, config{grace: 5 * time.Second})
	w.says(1, "READY=1\nSTATUS=busy")
	var a answer
	w.stop(w.now, a.take)
	require.Equal(t, syscall.SIGTERM, w.asked[1])
	w.says(1, "STATUS=waiting for the consumer")
	w.pass(5*time.Second - 1)
	require.Equal(t, syscall.SIGTERM, w.asked[1])
	w.pass(1)
	require.Equal(t, syscall.SIGKILL, w.asked[1])
	require.False(t, w.over())
	w.dies(1)
	require.True(t, w.over())
	require.Equal(t, 3, w.finish())
	require.EqualError(t, a.err, "server 1 (pid 1) did not end within 5s, it said: waiting for the consumer")
	require.Equal(t, "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=10000000", w.told[2])
}

func TestACleanStopIsClean(t *testing.T) {
	w := newWorld(t, config{})
	w.says(1, "READY=1")
	w.stop(w.now, nil)
	w.stop(w.now, nil) // a second one changes nothing
	w.dies(1)
	require.True(t, w.over())
	require.Equal(t, 0, w.finish())
	require.Zero(t, w.crashed)
}

func TestAForcedStopKillsAtOnce(t *testing.T) {
	w := newWorld(t, config{})
	w.says(1, "READY=1")
	w.stop(w.now, nil)
	w.pass(time.Second)
	w.force(w.now)
	w.force(w.now)
	require.Equal(t, syscall.SIGKILL, w.asked[1])
	require.Len(t, w.unclean, 1)
	w.dies(1)
	require.Equal(t, 3, w.finish())
}

func TestSignalsGoToThoseWhoServe(t *testing.T) {
	w := newWorld(t, config{servers: 2, probation: time.Hour})
	w.says(1, "READY=1")
	w.says(2, "READY=1")
	w.beginRestart(w.now, func(error) {})
	w.forward(syscall.SIGUSR1)
	require.Equal(t, map[int]syscall.Signal{1: syscall.SIGUSR1, 2: syscall.SIGUSR1}, w.asked)
}

// Random lives, against what must hold at any time.
func TestWhateverHappensSomebodyServesOrIsAboutTo(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t, config{
			servers: 1 + r.IntN(3), probation: time.Duration(r.IntN(3)) * time.Second,
			readyLimit: 5 * time.Second, grace: 2 * time.Second,
		})
		open := 0 // requests that have no answer
		var trace []string
		note := func(format string, args ...any) { trace = append(trace, fmt.Sprintf(format, args...)) }
		for range 200 {
			var pids []int
			for pid := range w.live {
				pids = append(pids, pid)
			}
			pid := 0
			if len(pids) > 0 {
				pid = pids[r.IntN(len(pids))]
			}
			ready := map[int]bool{}
			for i, slot := range w.slots {
				if slot.current != nil && slot.current.state == "ready" {
					ready[i] = true
				}
			}
			crash := false
			switch k := r.IntN(20); {
			case k < 8:
				note("%d is ready", pid)
				w.says(pid, "READY=1")
			case k < 11:
				open++
				note("restart")
				w.beginRestart(w.now, func(error) { open-- })
			case k < 12 && r.IntN(3) == 0:
				crash = true
				note("%d dies", pid)
				w.dies(pid)
			case k < 15:
				for _, p := range pids {
					if w.asked[p] != 0 {
						note("%d obeys", p)
						w.dies(p)
					}
				}
			case k == 19 && r.IntN(10) == 0:
				note("stop")
				w.stop(w.now, nil)
			default:
				d := time.Duration(r.IntN(2000)) * time.Millisecond
				note("%v", d)
				w.pass(d)
			}
			why := strings.Join(trace, "\n")
			for i, slot := range w.slots {
				if w.stopping {
					require.Nil(t, slot.current, why)
					require.Nil(t, slot.next, why)
					continue
				}
				require.True(t, slot.current != nil || slot.next != nil || !slot.retryAt.IsZero(), why)
				if ready[i] && !crash {
					require.NotNil(t, slot.current, "a server that was ready is replaced by one that is: %s", why)
					require.EqualValues(t, "ready", slot.current.state, why)
				}
				require.True(t, slot.next == nil || w.restart != nil && w.restart.slot == i, why)
			}
		}
		w.stop(w.now, nil)
		for limit := 0; !w.over(); limit++ {
			require.Less(t, limit, 100)
			w.pass(3 * time.Second)
			for pid := range w.live {
				w.dies(pid)
			}
		}
		require.Zero(t, open, "everybody has an answer")
		require.Empty(t, w.live)
	}
}
