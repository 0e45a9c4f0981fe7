package graceful_test

// What a service manager is told, byte by byte and to the nanosecond: in
// bubbles, where a func stands for its socket.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// supervisor is what a service manager has received, and when.
type supervisor struct {
	sync.Mutex
	began time.Time
	got   []string
	fail  func() error // nil: never
}

// supervised has a manager's messages sent to a supervisor. It is called in
// the bubble, and the environment is set outside of it.
func supervised(m *graceful.Manager) *supervisor {
	s := &supervisor{began: time.Now()}
	graceful.NoticesTo(m, func(addr, text string) error {
		s.Lock()
		defer s.Unlock()
		if s.fail != nil {
			if err := s.fail(); err != nil {
				return err
			}
		}
		s.got = append(s.got, fmt.Sprintf("%v %s %q", time.Since(s.began), addr, text))
		return nil
	})
	return s
}

func (s *supervisor) received() []string {
	s.Lock()
	defer s.Unlock()
	return s.got
}

// setSupervisor sets what systemd sets. The managers of the test take it away.
func setSupervisor(t *testing.T, watchdog string) {
	t.Setenv("NOTIFY_SOCKET", "/run/it")
	t.Setenv("WATCHDOG_USEC", watchdog)
	t.Setenv("WATCHDOG_PID", "")
}

func TestAServiceManagerIsToldWhatAStopWaitsFor(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(10 * time.Second))
		s := supervised(m)
		release := make(chan struct{})
		m.Add(0, graceful.Component{Name: "hangs", Stop: func(context.Context) error { <-release; return nil }})
		m.Add(1, worker("fine"))
		go func() { // ends after a minute
			time.Sleep(time.Minute)
			m.Stop(errors.New("enough\nMAINPID=1\x00"))
		}()
		report, _ := m.Run(t.Context())
		close(release)
		require.Equal(t, 3, report.ExitCode())
		got := s.received()
		require.Len(t, got, 7)
		require.Equal(t, `0s /run/it "READY=1"`, got[0])
		require.Equal(t, `1m0s /run/it "STOPPING=1\nSTATUS=stopping: enough; MAINPID=1\nEXTEND_TIMEOUT_USEC=15000000"`, got[1])
		for i, at := range []string{
			`1m2\.35s .*STATUS=still stopping after 2\.35s \(25 %%\), 7\.15s left: %s\\nEXTEND_TIMEOUT_USEC=12650000"`,
			`1m4\.7s .*STATUS=still stopping after 4\.7s \(50 %%\), 4\.8s left: %s\\nEXTEND_TIMEOUT_USEC=10300000"`,
			`1m7\.05s .*STATUS=still stopping after 7\.05s \(75 %%\), 2\.45s left: %s\\nEXTEND_TIMEOUT_USEC=7950000"`,
			`1m9\.4s .*STATUS=still stopping after 9\.4s \(100 %%\), 100ms left: %s\\nEXTEND_TIMEOUT_USEC=5600000"`,
		} {
			const hangs = `hangs \(stopping for \d\.\d s\): chan receive, 1 goroutine, graceful_test\.\S+ \S+notify_test\.go:\d+`
			require.Regexp(t, "^"+fmt.Sprintf(at, hangs)+"$", got[2+i])
		}
		require.Regexp(t, `^1m9\.5s /run/it "STATUS=stopped after 60\.0 s: enough; MAINPID=1 ?; took 9\.5 s of 10\.0 s; `+
			`fine stopped 0 of \S+ s phase 1; hangs STUCK .*\\nEXTEND_TIMEOUT_USEC=5000000"$`, got[6])
	})
}

func TestAQuickStopTellsItsBeginAndItsEnd(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(10 * time.Second))
		s := supervised(m)
		m.Add(1, worker("fine"))
		go func() { // ends after a second
			time.Sleep(time.Second)
			m.Stop(errMade)
		}()
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{
			`0s /run/it "READY=1"`,
			`1s /run/it "STOPPING=1\nSTATUS=stopping: made to fail\nEXTEND_TIMEOUT_USEC=15000000"`,
			`1s /run/it "STATUS=stopped after 1.0 s: made to fail; took 0 of 10.0 s\nEXTEND_TIMEOUT_USEC=5000000"`,
		}, s.received())
	})
}

func TestAHookBeforeTheStopIsNamedToo(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(10 * time.Second))
		s := supervised(m)
		m.Add(1, graceful.Component{Name: "prepares", PreStop: func(context.Context) error { time.Sleep(3 * time.Second); return nil }})
		go func() { // ends after a second; a stop that comes sooner may come before what is said of the start
			time.Sleep(time.Second)
			m.Stop(nil)
		}()
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Len(t, s.received(), 4)
		require.Regexp(t, `^3\.35s .*: prepares \(in its pre-stop hook .*\\nEXTEND_TIMEOUT_USEC=12650000"$`, s.received()[2])
	})
}

func TestAStopBeforeEverythingIsUpNeverSaysReady(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(time.Second))
		s := supervised(m)
		m.Add(1, graceful.Component{Name: "bad", Start: func(context.Context) error { time.Sleep(time.Second); return errMade }})
		_, err := m.Run(t.Context())
		require.Error(t, err)
		require.Len(t, s.received(), 2)
		require.Equal(t, `1s /run/it "STOPPING=1\nSTATUS=stopping: graceful: bad: start: made to fail\nEXTEND_TIMEOUT_USEC=6000000"`, s.received()[0])
	})
}

func TestReadyComesBeforeOnReadyAndWithReadyz(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		opts := quietly()
		var m *graceful.Manager
		var s *supervisor
		opts.OnReady = func() {
			require.Equal(t, []string{`0s /run/it "READY=1"`}, s.received())
			time.Sleep(time.Hour)
			m.Stop(nil)
		}
		m = graceful.New(opts)
		s = supervised(m)
		state := ""
		s.fail = func() error { // looks at it once, and never fails
			if state == "" {
				state = m.State()
			}
			return nil
		}
		m.Add(1, worker("fine"))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, "ready", state)
	})
}

func TestAStopWithoutABudgetAsksForTimeAgainAndAgain(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietly())
		s := supervised(m)
		m.Add(1, graceful.Component{Name: "slow", Stop: func(context.Context) error { time.Sleep(65 * time.Second); return nil }})
		m.Add(2, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		var asked, told []string
		for _, line := range s.received() {
			at, text, _ := strings.Cut(line, " ")
			require.Contains(t, text, "EXTEND_TIMEOUT_USEC=")
			asked = append(asked, at)
			if strings.Contains(text, "STATUS=still stopping after "+at+": slow (stopping for ") {
				told = append(told, at)
			}
			more := "30000000"
			if at == "1m5s" { // the end
				more = "5000000"
			}
			require.Contains(t, text, "EXTEND_TIMEOUT_USEC="+more+`"`)
		}
		require.Equal(t, []string{"0s", "5s", "10s", "20s", "30s", "40s", "50s", "1m0s", "1m5s"}, slices.Compact(asked), "two timers may go off at once")
		require.Equal(t, []string{"5s", "10s", "20s", "40s"}, told)
	})
}

func TestALongStartSaysWhatItWaitsForUntilItIsReady(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		opts, file := lastWords(t, 10*time.Second)
		m := graceful.New(opts)
		s := supervised(m)
		m.Add(1, graceful.Component{Name: "slow", Start: func(context.Context) error { time.Sleep(15 * time.Second); return nil }})
		m.Add(2, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Regexp(t, `^10s /run/it "STATUS=still starting after 10s: slow \(starting for 10\.0 s\): sleep, [^\\]*"$`, s.received()[0])
		require.Contains(t, s.received()[1], "STOPPING=1")
		require.Equal(t, before, content(t, file), "the last words are the stop's")
	})
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(10 * time.Second))
		s := supervised(m)
		m.Add(1, graceful.Component{Name: "slow", Start: func(context.Context) error { time.Sleep(15 * time.Second); return nil }})
		go m.Run(t.Context()) // ends with the test's context
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, s.received(), 2)
		require.Equal(t, `15s /run/it "READY=1\nSTATUS=ready"`, s.received()[1])
	})
}

func TestThePingsGoOnFromTheStartToTheEndOfTheStop(t *testing.T) {
	setSupervisor(t, "1000000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(20 * time.Second))
		s := supervised(m)
		slowly := func(context.Context) error { time.Sleep(5*time.Second + time.Millisecond); return nil }
		m.Add(1, graceful.Component{Name: "slow", Start: slowly, Stop: slowly})
		m.Add(2, worker("fine"))
		go func() { // ends with the test's bubble
			time.Sleep(10*time.Second + time.Millisecond)
			m.Stop(nil)
		}()
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		var pings []string
		for _, line := range s.received() {
			if at, found := strings.CutSuffix(line, ` /run/it "WATCHDOG=1"`); found {
				pings = append(pings, at)
			}
		}
		var want []string
		for at := 500 * time.Millisecond; at <= 15*time.Second; at += 500 * time.Millisecond {
			want = append(want, at.String())
		}
		require.Equal(t, want, pings)
	})
}

func TestPingsComeTwiceInTheTimeGivenAndOnlyIfTheyAreWanted(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		every     time.Duration
	}{
		{"30000000", "", 15 * time.Second},
		{"30000000", "77", 15 * time.Second},
		{"30000000", "78", 0},
		{"30000000", "77 ", 0},
		{"", "77", 0},
		{"0", "77", 0},
		{"-1", "77", 0},
		{"half", "77", 0},
		{"1", "", time.Millisecond},
		{"18446744073709551615", "", 0},
		{"9223372036854775807", "", 0},
		{"9223372036854775", "", 9223372036854775 * time.Microsecond / 2},
	} {
		require.Equal(t, c.every, graceful.PingEvery(c.usec, c.pid, 77), "%+v", c)
	}
}

func TestABudgetOfCenturiesAsksForCenturies(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(graceful.Forever - 1))
		s := supervised(m)
		m.Add(2, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Contains(t, s.received()[0], `EXTEND_TIMEOUT_USEC=9223372036854775"`)
	})
}

func TestALongStatusIsCutBetweenCharactersAndTheMessageStaysWhole(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		for shift := range 3 {
			m := graceful.New(quietlyWithin(10 * time.Second))
			_ = os.Setenv("NOTIFY_SOCKET", "/run/it")
			var got []string
			graceful.NoticesTo(m, func(_, text string) error { got = append(got, text); return nil })
			m.Stop(errors.New(strings.Repeat("a", shift) + "\xff" + strings.Repeat("€", 2000)))
			_, err := m.Run(t.Context())
			require.NoError(t, err)
			for _, text := range got {
				require.LessOrEqual(t, len(text), 4096)
				require.True(t, strings.ToValidUTF8(text, "") == text)
				require.Regexp(t, `\nEXTEND_TIMEOUT_USEC=\d+$`, text)
			}
			require.Contains(t, got[0], "STATUS=stopping: "+strings.Repeat("a", shift)+"?€")
			require.Greater(t, len(got[0]), 3700)
		}
	})
}

func TestTheFirstRunTakesTheServiceManagerAndLeavesItToNoChild(t *testing.T) {
	setSupervisor(t, "1000000")
	t.Setenv("GRACEFUL_TEST_KEPT", "yes")
	var inherited []byte
	first := graceful.New(quietly())
	s := supervised(first)
	second := graceful.New(quietly())
	other := supervised(second)
	first.Add(1, graceful.Component{Name: "nested", Start: func(ctx context.Context) (err error) {
		if inherited, err = exec.CommandContext(ctx, "env").Output(); err != nil {
			return err
		}
		second.Add(1, stopsAll(second))
		_, err = second.Run(ctx)
		return err
	}})
	first.Add(2, stopsAll(first))
	_, err := first.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, s.received(), 2)
	require.Empty(t, other.received())
	require.Contains(t, string(inherited), "GRACEFUL_TEST_KEPT=yes")
	require.NotContains(t, string(inherited), "NOTIFY_SOCKET")
	require.NotContains(t, string(inherited), "WATCHDOG_")
}

func TestTwoRunsAtOnceHaveOneServiceManager(t *testing.T) {
	for range 200 {
		setSupervisor(t, "")
		var group sync.WaitGroup
		all, begin := make([]*supervisor, 8), make(chan struct{})
		for i := range all {
			m := graceful.New(quietly())
			all[i] = supervised(m)
			m.Stop(nil)
			group.Go(func() {
				<-begin
				_, _ = m.Run(t.Context())
			})
		}
		close(begin)
		group.Wait()
		told := 0
		for _, s := range all {
			if len(s.received()) > 0 {
				told++
			}
		}
		require.Equal(t, 1, told)
	}
}

func TestARunWithoutAServiceManagerTellsNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(10 * time.Second))
		s := supervised(m)
		m.Add(1, graceful.Component{Name: "slow", Stop: func(context.Context) error { time.Sleep(5 * time.Second); return nil }})
		m.Add(2, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Empty(t, s.received())
		require.Equal(t, "1000", os.Getenv("WATCHDOG_USEC"), "it is somebody else's")
	})
}

func TestAnAddressOfAnotherKindIsLoggedAndNothingElse(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "vsock:2:1234")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		opts := quietly()
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		s := supervised(m)
		m.Add(2, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Empty(t, s.received())
		require.Equal(t, 1, strings.Count(log.String(), "vsock:2:1234"))
	})
}
