//go:build unix

package main

// Lives of real servers: restarts, crashes, ends, and kill -9 of everybody at
// every step.

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// onLoopback is a socket and no probation to speak of.
func onLoopback(args ...string) []string {
	return append([]string{"-listen", "127.0.0.1:0", "-probation", "50ms"}, args...)
}

// mannered begins a server whose manners are in a file, and returns the file.
func mannered(t *testing.T, flags ...string) (*runner, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manners")
	require.NoError(t, os.WriteFile(file, []byte("good"), 0o600))
	r := begin(t, append(onLoopback(flags...), serverArgs("manners="+file)...))
	r.ready()
	return r, file
}

func behave(t *testing.T, file, how string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(how), 0o600))
}

func TestARestartPutsANewServerInTheOldOnesPlace(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs()...))
	r.ready()
	addr, before := r.addr("listen"), r.pid()
	slow := make(chan string, 1)
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	go func() { // ends with the answer
		_, _ = fmt.Fprintln(conn, "slow 300ms")
		buf := make([]byte, 20)
		n, _ := conn.Read(buf)
		slow <- strings.TrimSpace(string(buf[:n]))
	}()
	r.does("restart")
	require.Equal(t, fmt.Sprint(before), <-slow, "what the old one had begun")
	r.gone(before)
	after := r.pid()
	require.NotEqual(t, before, after)
	r.signal(syscall.SIGHUP)
	r.becomes(func(s *status) bool { return s.Restarts == 2 && s.State == "ready" })
	r.gone(after)
	require.NotEqual(t, after, r.pid())
	r.stop()
	require.True(t, refused(addr))
	_, err = os.Stat(filepath.Join(r.base, "x"))
	require.ErrorIs(t, err, os.ErrNotExist, "nothing is left behind")
}

func TestARestartThatFailsLeavesTheOldServer(t *testing.T) {
	t.Parallel()
	const late = "was not ready within 500ms"
	for how, want := range map[string]string{"fails": "has ended: exit status 7", "mute": late} {
		var flags []string
		if want == late {
			flags = []string{"-ready-limit", "500ms"}
		}
		r, file := mannered(t, flags...)
		before := r.pid()
		behave(t, file, how)
		answer, err := r.ask("restart")
		require.NoError(t, err)
		require.Contains(t, answer.Error, want)
		require.Equal(t, before, r.pid())
		behave(t, file, "good")
		until(t, func() bool { // a good one may be late, too, on a busy machine
			answer, err = r.ask("restart")
			require.NoError(t, err)
			return answer.Error == "" || want != late || !strings.Contains(answer.Error, late)
		})
		require.Empty(t, answer.Error, "%s", &r.log)
		r.gone(before)
		require.NotEqual(t, before, r.pid())
		r.stop()
	}
}

// The steps of a restart at which the new server is killed.
func TestKillingTheNewServerAtAnyStepLeavesOneThatServes(t *testing.T) {
	t.Parallel()
	kill := func(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }
	for step, state := range map[string]state{"before it is ready": starting, "on probation": ready} {
		r, file := mannered(t, "-probation", "1h")
		before := r.pid()
		if state == starting {
			behave(t, file, "mute")
		}
		r.signal(syscall.SIGHUP)
		next := serving(r.becomes(func(s *status) bool { return serving(s, "next").State == state }), "next")
		kill(next.PID)
		r.says("restart failed")
		s := r.ready()
		require.Equal(t, before, serving(s, "current").PID, step)
		require.Equal(t, before, r.pid(), step)
		require.Zero(t, s.Restarts+s.Crashes, step)
		r.stop()
	}
}

func TestKillingTheNewServerAsSoonAsItIsThereLeavesOneThatServes(t *testing.T) {
	t.Parallel()
	r, _ := mannered(t, "-probation", "1h")
	before := r.pid()
	for i := range 10 { // somewhere between the fork and its first words
		r.signal(syscall.SIGHUP)
		next := r.becomes(func(s *status) bool { return s.State == "restarting" })
		wait(time.Duration(i) * 2 * time.Millisecond)
		pid := serving(next, "next").PID
		require.NotZero(t, pid, "that would be all of us")
		_ = syscall.Kill(pid, syscall.SIGKILL)
		r.ready()
		wait(echoTime) // the next signal is another one
	}
	require.Equal(t, before, r.pid())
	r.stop()
}

func TestKillingTheOldServerInARestartLetsTheNewOneServe(t *testing.T) {
	t.Parallel()
	r, _ := mannered(t, "-probation", "1h")
	before := r.pid()
	r.signal(syscall.SIGHUP)
	s := r.becomes(func(s *status) bool { return serving(s, "next").State == ready })
	_ = syscall.Kill(serving(s, "current").PID, syscall.SIGKILL)
	r.becomes(func(s *status) bool { return s.Restarts == 1 && s.State == "ready" })
	r.gone(before)
	require.NotEqual(t, before, r.pid())
	r.stop()
}

// A new server that hangs is no reason for connections to wait.
func TestAnOldServerThatCrashesBesideANewOneThatHangsIsStartedAgain(t *testing.T) {
	t.Parallel()
	r, file := mannered(t, "-ready-limit", "1h")
	before := r.pid()
	behave(t, file, "mute")
	r.signal(syscall.SIGHUP)
	r.becomes(func(s *status) bool { return serving(s, "next").PID != 0 })
	behave(t, file, "good")
	_ = syscall.Kill(before, syscall.SIGKILL)
	require.NotEqual(t, before, r.pid())
	r.stop()
}

func TestConnectionsWaitWhileACrashedServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs()...))
	addr, before := r.addr("listen"), serving(r.ready(), "current").PID
	require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
	until(t, func() bool { return !alive(before) })
	var clients sync.WaitGroup
	answers := make(chan string, 20)
	for range cap(answers) {
		clients.Go(func() { // ends with the answer
			answer, err := get("tcp", addr, "pid")
			if err != nil {
				answer = err.Error()
			}
			answers <- answer
		})
	}
	clients.Wait()
	after := fmt.Sprint(serving(r.ready(), "current").PID)
	for range cap(answers) {
		require.Equal(t, after, <-answers)
	}
	require.Equal(t, 1, r.status().Crashes)
	r.stop()
}

func TestAServerThatFailsAgainAndAgainIsGivenUpWithAReason(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback(), serverArgs("fails")...))
	require.Equal(t, 1, r.exit())
	require.Contains(t, r.log.String(), `msg="giving up" err="the server ended 5 times within 1m0s"`)
	require.Equal(t, 5, strings.Count(r.log.String(), "it fails\n"))
	require.Contains(t, r.log.String(), `status="exit status 7"`)
}

func TestACommandThatIsNotThereIsGivenUpWithAReason(t *testing.T) {
	t.Parallel()
	r := begin(t, []string{"--", "/nonexistent/server"})
	require.Equal(t, 1, r.exit())
	require.Contains(t, r.log.String(), "/nonexistent/server: no such file")
}

func TestAStopNamesTheServerThatHadToBeKilled(t *testing.T) {
	t.Parallel()
	// On a busy machine the grace may be over before it has said anything new.
	r := begin(t, append(onLoopback("-grace", "300ms"), serverArgs("stubborn", "says=waiting for the moon")...))
	pid := serving(r.ready(), "current").PID
	answer, err := r.ask("stop")
	require.NoError(t, err)
	require.Regexp(t, fmt.Sprintf(`^server 1 \(pid %d\) did not end within [\d.]+m?s, it said: waiting for the moon$`, pid), answer.Error)
	require.Equal(t, 3, r.exit())
	require.Contains(t, r.log.String(), answer.Error)
	require.False(t, alive(pid))
}

func TestASecondInterruptKills(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback("-grace", "1h"), serverArgs("stubborn")...))
	r.ready()
	r.signal(syscall.SIGINT)
	r.becomes(func(s *status) bool { return s.State == "stopping" })
	wait(echoTime)
	r.signal(syscall.SIGINT)
	require.Equal(t, 3, r.exit())
}

func TestSeveralServersAreReplacedOneByOneAndServeAllTheTime(t *testing.T) {
	t.Parallel()
	r := begin(t, append(onLoopback("-n", "3"), serverArgs()...))
	before := map[int]bool{}
	for _, s := range r.ready().Servers {
		before[s.PID] = true
	}
	require.Len(t, before, 3)
	r.does("restart")
	s := r.becomes(func(s *status) bool { return len(s.Servers) == 3 })
	for _, server := range s.Servers {
		require.False(t, before[server.PID])
		require.Equal(t, ready, server.State)
	}
	r.stop()
}

// The server starts again and again, whichever way belay-run itself goes.
func TestAfterAKillOfBelayRunNothingIsLeftListening(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Skip("only Linux ends children with their parent")
	}
	t.Parallel()
	base := shortDir(t)
	path := filepath.Join(base, "sock")
	for round := range 3 {
		args := append([]string{"-n", "2", "-listen", "127.0.0.1:0", "-listen", "u=unix:" + path, "-probation", "1h"}, serverArgs()...)
		r := beginIn(t, base, args)
		addr := r.addr("listen")
		s := r.ready()
		if round > 0 { // in a restart
			r.signal(syscall.SIGHUP)
			s = r.becomes(func(s *status) bool { return serving(s, "next").PID != 0 })
		}
		r.signal(syscall.SIGKILL)
		<-r.ended
		for _, server := range s.Servers {
			until(t, func() bool { return !alive(server.PID) }, "server %d lives", server.PID)
		}
		until(t, func() bool { return refused(addr) })
		_, err := net.Dial("unix", path)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
	r := beginIn(t, base, append([]string{"-listen", "u=unix:" + path}, serverArgs()...))
	r.ready()
	r.stop()
	left, err := os.ReadDir(base)
	require.NoError(t, err)
	require.Empty(t, left, "also what the killed ones had left")
}

func TestWhatAServerLeavesBehindEndsWithIt(t *testing.T) {
	t.Parallel()
	for _, how := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		r := begin(t, append(onLoopback(), serverArgs("leaves=sleeper")...))
		pid := serving(r.ready(), "current").PID
		addr := r.addr("listen")
		var left int
		until(t, func() bool { // its output has another way to us than its readiness
			_, rest, _ := strings.Cut(r.log.String(), "left ")
			number, _, whole := strings.Cut(rest, "\n")
			_, err := fmt.Sscan(number, &left)
			return whole && err == nil
		}, "%s", &r.log)
		require.True(t, alive(left))
		if how == syscall.SIGKILL { // a crash, and another one comes
			require.NoError(t, syscall.Kill(pid, how))
			r.becomes(func(s *status) bool {
				return s.Crashes == 1 && s.State == "ready" && serving(s, "current").State == ready
			})
			until(t, func() bool { return !alive(left) })
		}
		r.stop()
		require.False(t, alive(left))
		require.True(t, refused(addr))
		require.Contains(t, r.log.String(), "it has left processes behind")
	}
}

func TestTheLogOfAServerThatWasRestartedUncleanlyLongAgoDoesNotSpoilTheStop(t *testing.T) {
	t.Parallel()
	r, file := mannered(t, "-grace", "1s")
	behave(t, file, "stubborn")
	r.does("restart") // the stubborn one comes
	behave(t, file, "good")
	r.does("restart") // and has to go
	r.says(`msg=killed`)
	r.becomes(func(s *status) bool { return len(s.Servers) == 1 })
	r.stop()
}

func TestALogThatNobodyReadsAnyMoreEndsNothing(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	r := begin(t, append(onLoopback(), serverArgs()...), withStderr(write))
	require.NoError(t, write.Close())
	r.ready()
	require.NoError(t, read.Close())
	r.does("restart") // which is logged
	r.does("restart")
	require.NotZero(t, r.pid())
	r.stop()
}
