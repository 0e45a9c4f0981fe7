package graceful_test

// Keys of session tickets by the calendar.

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
	"github.com/belay-go/belay/internal/handover"
)

const day = 24 * time.Hour

// numberedKeys returns a maker of keys that tells how many it has made.
func numberedKeys() func() []byte {
	n := 0
	return func() []byte {
		n++
		return fmt.Appendf(nil, "%32d", n)
	}
}

func TestTheNewestTicketKeySealsForADayAndOpensForAWeek(t *testing.T) {
	t.Parallel()
	fresh := numberedKeys()
	var keys []handover.TicketKey
	now := time.Now()
	for n := range 20 {
		var due time.Time
		keys, due = graceful.RotateTickets(keys, now, fresh)
		require.Equal(t, fmt.Sprintf("%32d", n+1), string(keys[0].Key))
		require.Len(t, keys, min(n+1, 7))
		require.Equal(t, now.Add(day), due)
		again, _ := graceful.RotateTickets(keys, due.Add(-1), fresh)
		require.Equal(t, keys[0], again[0])
		now = due
	}
}

func TestTicketKeysAreRightWheneverOneAsks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		fresh := numberedKeys()
		var keys []handover.TicketKey
		now := time.Now()
		for range 100 {
			var due time.Time
			keys, due = graceful.RotateTickets(keys, now, fresh)
			require.NotEmpty(t, keys)
			require.Less(t, now.Sub(keys[0].Made), day)
			require.True(t, due.After(now))
			for i, k := range keys {
				require.Less(t, now.Sub(k.Made), 7*day)
				require.False(t, k.Made.After(now))
				require.True(t, i == 0 || !k.Made.After(keys[i-1].Made), "the newest comes first")
			}
			now = now.Add(time.Duration(random.Int64N(int64(3 * day))))
		}
	}
}

func TestAKeyOfTheFutureOrOfAnotherSizeIsNotTrusted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	fresh := numberedKeys()
	short := handover.TicketKey{Made: now, Key: []byte("short")}
	future := handover.TicketKey{Made: now.Add(1000 * day), Key: make([]byte, 32)}
	keys, due := graceful.RotateTickets([]handover.TicketKey{short, future}, now, fresh)
	require.Len(t, keys, 1)
	require.Equal(t, future.Key, keys[0].Key)
	require.Equal(t, now, keys[0].Made)
	require.Equal(t, now.Add(day), due)
}

func TestWhoHasChosenHowTicketsAreSealedIsLeftAlone(t *testing.T) {
	t.Parallel()
	require.True(t, graceful.PlainTickets(&tls.Config{}))
	for name, c := range map[string]*tls.Config{
		"GetConfigForClient":     {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }},
		"WrapSession":            {WrapSession: func(tls.ConnectionState, *tls.SessionState) ([]byte, error) { return nil, nil }},
		"UnwrapSession":          {UnwrapSession: func([]byte, tls.ConnectionState) (*tls.SessionState, error) { return nil, nil }},
		"SessionTicketsDisabled": {SessionTicketsDisabled: true},
		"SessionTicketKey":       {SessionTicketKey: [32]byte{1}}, // it still means something
	} {
		require.False(t, graceful.PlainTickets(c), name)
	}
}

func TestTheProtocolsOverTLSAreThoseThatNetHTTPWouldOffer(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"h2", "http/1.1"}, graceful.NextProtos(nil, true, true))
	require.Equal(t, []string{"http/1.1"}, graceful.NextProtos(nil, true, false))
	require.Equal(t, []string{"http/1.1", "acme-tls/1", "h2"}, graceful.NextProtos([]string{"http/1.1", "acme-tls/1"}, true, true))
	require.Equal(t, []string{"acme-tls/1", "h2"}, graceful.NextProtos([]string{"http/1.1", "acme-tls/1"}, false, true))
}
