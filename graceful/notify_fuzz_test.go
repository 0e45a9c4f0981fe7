package graceful_test

// This file has anything stand in the variables of a service manager.

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// FuzzPingEvery checks that pings come in time, and only where they are wanted
// from us.
func FuzzPingEvery(f *testing.F) {
	self := strconv.Itoa(os.Getpid())
	f.Add("20000000", "")
	f.Add("1", self)
	f.Add("18446744073709551615", "")
	f.Add("-5", "x")
	f.Fuzz(func(t *testing.T, usec, pid string) {
		every := graceful.PingEvery(usec, pid, os.Getpid())
		n, err := strconv.ParseInt(usec, 10, 64)
		if err != nil || n <= 0 || pid != "" && pid != self {
			require.Zero(t, every)
			return
		}
		require.GreaterOrEqual(t, every, time.Duration(0))
		if every > time.Millisecond { // nothing pings more often
			require.LessOrEqual(t, every.Microseconds(), n/2)
		}
	})
}
