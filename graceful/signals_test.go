package graceful_test

// What a sequence of signals means.

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

func TestSignalsAreCountedAsTheyAreMeant(t *testing.T) {
	type event struct {
		ms   int
		sig  os.Signal
		want string
	}
	for name, events := range map[string][]event{
		"a second interrupt forces":       {{0, os.Interrupt, "first"}, {200, os.Interrupt, "second"}, {500, os.Interrupt, "second"}},
		"an echo is not a second":         {{0, os.Interrupt, "first"}, {199, os.Interrupt, "same"}, {400, os.Interrupt, "second"}},
		"term never forces":               {{0, syscall.SIGTERM, "first"}, {300, syscall.SIGTERM, "repeated"}, {600, syscall.SIGTERM, "repeated"}},
		"one interrupt after term is one": {{0, syscall.SIGTERM, "first"}, {300, os.Interrupt, "repeated"}, {600, os.Interrupt, "second"}},
	} {
		t.Run(name, func(t *testing.T) {
			var l graceful.SignalLog
			for _, e := range events {
				require.Equal(t, e.want, l.Take(e.sig, noon.Add(time.Duration(e.ms)*time.Millisecond)), "%+v", e)
			}
		})
	}
}

// FuzzSignals holds the log against a model that looks at the whole past.
func FuzzSignals(f *testing.F) {
	f.Add([]byte{0, 1, 200, 1, 100, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		sigs := []os.Signal{os.Interrupt, syscall.SIGTERM}
		var l graceful.SignalLog
		at := noon
		counted := map[os.Signal][]time.Time{}
		for i := 0; i+1 < len(raw); i += 2 {
			at = at.Add(time.Duration(raw[i]) * 2 * time.Millisecond)
			sig := sigs[raw[i+1]%2]
			past := counted[sig]
			want := "repeated"
			switch {
			case len(past) > 0 && at.Sub(past[len(past)-1]) < 200*time.Millisecond:
				require.Equal(t, "same", l.Take(sig, at))
				continue
			case sig == os.Interrupt && len(past) > 0:
				want = "second"
			case len(counted) == 0:
				want = "first"
			}
			require.Equal(t, want, l.Take(sig, at))
			counted[sig] = append(past, at)
		}
	})
}

func TestASignalErrorNamesItsSignal(t *testing.T) {
	require.EqualError(t, &graceful.SignalError{Signal: syscall.SIGTERM}, "graceful: signal: terminated")
	require.EqualError(t, &graceful.SignalError{Signal: os.Interrupt, Again: true}, "graceful: forced by a second signal: interrupt")
}
