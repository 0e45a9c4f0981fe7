package graceful_test

// The end of accepting in a process that has no descriptor left.

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/graceful"
)

// exhausted is a listener whose Accept fails at once when it is told to.
type exhausted struct {
	*net.TCPListener
	on    atomic.Bool
	tries atomic.Int64
}

func (l *exhausted) Accept() (net.Conn, error) {
	if !l.on.Load() {
		if c, err := l.TCPListener.Accept(); !l.on.Load() {
			return c, err
		}
	}
	l.tries.Add(1)
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

func TestAcceptingThatFailsAtOnceIsNotTriedWithoutAPause(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &exhausted{TCPListener: ln.(*net.TCPListener)}
	_, stop := runUntilReady(t, quietly(), func(m *graceful.Manager) {
		c := graceful.Server("own", "", newFakeServer())
		c.Listener = l
		m.Add(1, c)
	})
	l.on.Store(true)
	_, err = stop()
	require.NoError(t, err)
	require.Positive(t, l.tries.Load())
	require.Less(t, l.tries.Load(), int64(200), "for a settle time")
}
