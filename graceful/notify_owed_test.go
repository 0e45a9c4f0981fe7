package graceful_test

// What becomes of messages that can't be delivered, and of a manager that can't
// send any.

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func TestAManagerThatIsWedgedDoesNotPing(t *testing.T) {
	setSupervisor(t, "1000000")
	synctest.Test(t, func(t *testing.T) {
		opts := quietly()
		opts.OnReady = func() { time.Sleep(time.Minute) }
		m := graceful.New(opts)
		s := supervised(m)
		m.Add(1, worker("fine"))
		go m.Run(t.Context()) // ends with the test's context
		time.Sleep(time.Minute - 1)
		require.Equal(t, []string{`0s /run/it "READY=1"`}, s.received())
		time.Sleep(2)
		synctest.Wait()
		require.Equal(t, []string{`0s /run/it "READY=1"`, `1m0s /run/it "WATCHDOG=1"`}, s.received())
	})
}

func TestWhatCouldNotBeSentIsOwed(t *testing.T) {
	setSupervisor(t, "2000000")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		opts := quietlyWithin(10 * time.Second)
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		m := graceful.New(opts)
		s := supervised(m)
		var tries []time.Duration
		s.fail = func() error {
			at := time.Since(s.began)
			tries = append(tries, at)
			if at < 100*time.Millisecond || 500*time.Millisecond <= at && at < 2500*time.Millisecond {
				return os.NewSyscallError("sendto", syscall.EAGAIN)
			}
			return nil
		}
		m.Add(1, graceful.Component{Name: "slow", Stop: func(context.Context) error { time.Sleep(4 * time.Second); return nil }})
		go func() { // ends after half a second
			time.Sleep(500 * time.Millisecond)
			m.Stop(errMade)
		}()
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		got := s.received()
		require.Equal(t, `150ms /run/it "READY=1"`, got[0])
		// The stop, the ping of 2 s and the first quarter in one, with the time
		// that is left when it is sent: 7.65 s, and 5 s more.
		require.Regexp(t, `^2\.85s /run/it "STOPPING=1\\nSTATUS=still stopping after 2\.35s .*\\nEXTEND_TIMEOUT_USEC=12650000\\nWATCHDOG=1"$`, got[1])
		require.Equal(t, []time.Duration{0, 10e6, 30e6, 70e6, 150e6, 500e6, 510e6, 530e6}, tries[:8])
		require.Equal(t, 1, strings.Count(log.String(), "can't be reached"), log.String())
		require.Contains(t, log.String(), "err=\"sendto: resource temporarily unavailable\"")
	})
}

func TestAnEndlessStopThatNobodyHearsOfTriesAgainAndDoesNotSpin(t *testing.T) {
	for _, heard := range []int{0, 1} { // messages, before nobody listens
		setSupervisor(t, "")
		synctest.Test(t, func(t *testing.T) {
			m := graceful.New(quietly())
			s := supervised(m)
			tries := 0
			s.fail = func() error {
				switch tries++; {
				case tries <= heard:
					return nil
				case tries > 100:
					time.Sleep(time.Hour) // a spin takes no time, and would never end
				}
				return syscall.ECONNREFUSED
			}
			m.Add(1, graceful.Component{Name: "slow", Stop: func(context.Context) error { time.Sleep(time.Minute); return nil }})
			m.Add(2, stopsAll(m))
			_, err := m.Run(t.Context())
			require.NoError(t, err)
			require.Greater(t, tries, 12)
			require.Less(t, tries, 25)
		})
	}
}

func TestTheLastMessageCarriesNoPingThatWouldCutMainShort(t *testing.T) {
	setSupervisor(t, "2000000")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(10 * time.Second))
		s := supervised(m)
		var hears atomic.Bool
		s.fail = func() error {
			if hears.Load() {
				return nil
			}
			return syscall.EAGAIN
		}
		m.Add(1, graceful.Component{Name: "slow", Stop: func(context.Context) error {
			time.Sleep(1500 * time.Millisecond)
			hears.Store(true)
			return nil
		}})
		m.Add(2, stopsAll(m))
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{
			`1.5s /run/it "STOPPING=1\nSTATUS=stopped after 0: graceful: stop asked for by the program; took 1.5 s of 10.0 s\nEXTEND_TIMEOUT_USEC=5000000"`,
		}, s.received())
	})
}

func TestNobodyIsToldReadyAfterTheStopHasBegun(t *testing.T) {
	setSupervisor(t, "")
	synctest.Test(t, func(t *testing.T) {
		m := graceful.New(quietlyWithin(10 * time.Second))
		s := supervised(m)
		s.fail = func() error {
			if time.Since(s.began) < time.Second {
				return syscall.ECONNREFUSED
			}
			return nil
		}
		m.Add(1, graceful.Component{Name: "slow", Stop: func(context.Context) error { time.Sleep(2 * time.Second); return nil }})
		go func() { // ends at once
			time.Sleep(time.Millisecond)
			m.Stop(nil)
		}()
		_, err := m.Run(t.Context())
		require.NoError(t, err)
		require.Contains(t, s.received()[0], `"STOPPING=1\nSTATUS=stopping: `)
		require.NotContains(t, strings.Join(s.received(), "\n"), "READY")
	})
}
