package graceful_test

// Random lives of a service against a model of who accepts: real processes, that
// restart, fail to, are killed and stopped at any time that isn't in the middle
// of a step, of which other tests take care.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An actual process of the model. Its own probations, of those that replace it,
// are over at once or last.
type actual struct {
	pid   int
	lasts bool
}

// A world is the model: main is the process that can't be told to go any more,
// heir the one on probation, if there is one. It accepts then, else main does.
type world struct {
	*family
	random     *rand.Rand
	program    string
	main, heir *actual
	history    []string
	seen       map[int]bool // that have said that they are ready
}

// deeds are what can happen, as long as they are possible; false: it is not. The
// end of the service is no deed of these.
var deeds = []struct {
	name string
	do   func(w *world) bool
}{
	{"restart", (*world).replaceMain},
	{"restart", (*world).replaceMain}, // twice as often
	{"fail to restart", (*world).failToReplace},
	{"kill the heir", func(w *world) bool { return w.endHeir(syscall.SIGKILL) }},
	{"stop the heir", func(w *world) bool { return w.endHeir(syscall.SIGTERM) }},
	{"interrupt the heir", func(w *world) bool { return w.endHeir(syscall.SIGINT) }},
	{"kill the old one", func(w *world) bool {
		if w.heir == nil {
			return false
		}
		w.send(w.main, syscall.SIGKILL)
		w.main, w.heir = w.heir, nil
		return true
	}},
	{"ask the old one again", func(w *world) bool {
		if w.heir == nil {
			return false
		}
		before := strings.Count(w.output(), "another one is under way")
		w.send(w.main, syscall.SIGUSR2)
		w.eventually("it is not refused", func() bool { return strings.Count(w.output(), "another one is under way") > before })
		return true
	}},
}

func (w *world) send(to *actual, sig syscall.Signal) {
	w.t.Helper()
	require.NoError(w.t, syscall.Kill(to.pid, sig))
}

func (w *world) accepts() *actual {
	if w.heir != nil {
		return w.heir
	}
	return w.main
}

// put makes a program the one on disk.
func (w *world) put(script string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.program+".new", []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	require.NoError(w.t, os.Rename(w.program+".new", w.program))
}

func (w *world) replaceMain() bool {
	if w.heir != nil {
		return false
	}
	self, err := os.Executable()
	require.NoError(w.t, err)
	heir := &actual{lasts: w.random.IntN(3) > 0}
	w.put("PROBATION=" + probation(heir.lasts) + " exec " + self)
	w.ask("")
	for heir.pid == 0 {
		if w.ready(); !w.seen[w.pid] {
			heir.pid, w.seen[w.pid] = w.pid, true
		}
	}
	if w.main.lasts {
		w.heir = heir
	} else {
		w.main = heir
	}
	return true
}

// ask asks for a restart, when there is room for one, and for the answer.
func (w *world) ask(want string) {
	w.t.Helper()
	limit := time.Now().Add(patience)
	why := w.restart()
	for strings.Contains(why, "still there") || strings.Contains(why, "under way") || strings.Contains(why, "on probation") {
		require.True(w.t, time.Now().Before(limit), "%v: %s\n%s", w.history, why, w.output())
		wait(5 * time.Millisecond)
		why = w.restart()
	}
	if want == "" {
		require.Empty(w.t, why, "%v\n%s", w.history, w.output())
	}
	require.Contains(w.t, why, want)
}

func probation(lasts bool) string {
	if lasts {
		return "1m"
	}
	return "20ms"
}

func (w *world) failToReplace() bool {
	if w.heir != nil {
		return false
	}
	w.put("exit 5")
	w.ask("exit status 5")
	return true
}

func (w *world) endHeir(sig syscall.Signal) bool {
	if w.heir == nil {
		return false
	}
	w.send(w.heir, sig)
	w.heir = nil
	return true
}

// check holds the processes against the model.
func (w *world) check() {
	w.t.Helper()
	want := []int{w.main.pid}
	if w.heir != nil {
		want = append(want, w.heir.pid)
	}
	slices.Sort(want)
	for limit := time.Now().Add(patience); ; wait(2 * time.Millisecond) {
		got := w.members()
		slices.Sort(got)
		if slices.Equal(got, want) {
			break
		}
		require.True(w.t, time.Now().Before(limit), "%v: %v are there, and not %v\n%s", w.history, got, want, w.output())
	}
	for range 5 {
		require.Equal(w.t, strconv.Itoa(w.accepts().pid), w.get("/pid"), "%v\n%s", w.history, w.output())
	}
	for limit := time.Now().Add(patience); !slices.Equal(w.crons(want), []int{w.accepts().pid}); wait(2 * time.Millisecond) {
		require.True(w.t, time.Now().Before(limit), "%v: what must not run twice runs in %v\n%s", w.history, w.crons(want), w.output())
	}
}

// crons returns in which of the processes that runs which must not run twice.
func (w *world) crons(alive []int) (pids []int) {
	for line := range strings.Lines(w.output()) {
		var verb string
		var pid int
		if n, _ := fmt.Sscanf(line, "cron %s in %d", &verb, &pid); n == 2 && slices.Contains(alive, pid) {
			if pids = slices.DeleteFunc(pids, func(p int) bool { return p == pid }); verb == "starts" {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func TestRandomRestartsDoWhatTheModelSays(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			live(t, rand.New(rand.NewPCG(seed, 8)))
		})
	}
}

func live(t *testing.T, random *rand.Rand) {
	w := &world{random: random, program: filepath.Join(t.TempDir(), "program"), seen: map[int]bool{}}
	first := random.IntN(3) > 0
	w.family = raise(t, "none", "none", 0, "PROGRAM="+w.program, "PROBATION="+probation(first))
	w.main = &actual{w.pid, first}
	w.seen[w.pid] = true
	for range 3 + random.IntN(6) {
		deed := deeds[random.IntN(len(deeds))]
		if deed.do(w) {
			w.history = append(w.history, deed.name)
			w.check()
		}
	}
	// The end of the main one is that of the service, with whoever is on probation.
	sig := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}[random.IntN(2)]
	w.send(w.main, sig)
	w.saw(fmt.Sprintf("process %d is done: <nil>", w.main.pid))
	if w.heir != nil {
		w.saw(fmt.Sprintf("process %d is done: <nil>", w.heir.pid))
	}
	w.over()
}
