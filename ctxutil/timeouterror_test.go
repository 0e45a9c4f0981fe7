package ctxutil_test

// This file holds the tests of the error itself: its text and what it is to
// those who ask.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/ctxutil"
)

func TestATimeoutErrorNamesWhatItsLimitAndTheTime(t *testing.T) {
	for want, e := range map[string]*ctxutil.TimeoutError{
		"ctxutil: timed out after 0s, limit 0s":                {},
		"ctxutil: lookup: timed out after 1.25s, limit 1s":     {Name: "lookup", Limit: time.Second, Elapsed: 1250 * time.Millisecond},
		"ctxutil: lookup: timed out after 0s, limit -1s":       {Name: "lookup", Limit: -time.Second},
		"ctxutil: sleep: needs 1m0s, the deadline is in 250ms": {Name: "sleep", Limit: 250 * time.Millisecond, RetryAfter: time.Minute},
	} {
		require.EqualError(t, e, want)
	}
}

func TestATimeoutErrorIsATimeoutToAllWhoAsk(t *testing.T) {
	e := &ctxutil.TimeoutError{Name: "lookup", Limit: time.Second, Elapsed: time.Second}
	require.True(t, e.Timeout())
	require.True(t, os.IsTimeout(e))
	for _, err := range []error{e, fmt.Errorf("search: %w", e), errors.Join(errors.New("first"), e)} {
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, context.Canceled)
		var network net.Error
		require.ErrorAs(t, err, &network)
		require.True(t, network.Timeout())
		var timeout *ctxutil.TimeoutError
		require.ErrorAs(t, err, &timeout)
		require.Same(t, e, timeout)
	}
}
