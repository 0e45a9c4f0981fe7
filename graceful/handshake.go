package graceful

// Connections that have not finished their handshake, for servers that do not
// tell: only the bytes that were read do.

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// greeting is what a client of h2 has sent at least when its server takes
	// it for a connection: the preface, and the head of a frame.
	greeting = 24 + 9

	// Over TLS, what is read comes in records. The first has the client's
	// hello; the client's end of the handshake, which comes before the
	// greeting, has these many bytes at least.
	tlsHandshake, tlsHead, tlsFinish = 22, 5, 40
)

// handshakes knows the connections that have not sent their greeting.
type handshakes struct {
	lasting time.Duration // of a silence that means something; written by drain, read by settle

	mu struct {
		sync.Mutex
		young map[*youngConn]struct{}
		grown chan struct{} // tells that there are fewer; nil until somebody waits
	}
}

// A youngConn counts what is read until that is a greeting; from then on each
// Read costs an atomic load.
type youngConn struct {
	net.Conn
	all  *handshakes
	left atomic.Int64 // bytes to go; at most zero: it is no longer young
	read bool         // something was; known to the one who reads
}

func (h *handshakes) wrap(c net.Conn) net.Conn {
	userTimeout(c)
	y := &youngConn{Conn: c, all: h}
	y.left.Store(greeting)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.young == nil {
		h.mu.young = map[*youngConn]struct{}{}
	}
	h.mu.young[y] = struct{}{}
	return y
}

func (h *handshakes) forget(y *youngConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.mu.young, y)
	select {
	case h.mu.grown <- struct{}{}:
	default: // nobody waits, or is told already
	}
}

// drain notes why the server stops.
func (h *handshakes) drain(_ time.Duration, cause error) { h.lasting = lasting(cause) }

// settle waits until there are none, but not longer than a silence lasts; then it
// makes the server give up on those that have fallen silent. What has arrived
// and was not read is read first.
func (h *handshakes) settle(ctx context.Context) {
	grown := make(chan struct{}, 1)
	h.mu.Lock()
	h.mu.grown = grown
	h.mu.Unlock()
	awaitSettled(ctx, grown, h.lasting, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.mu.young) == 0
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	for y := range h.mu.young {
		if !unread(y.Conn) {
			_ = y.SetReadDeadline(time.Unix(1, 0)) // fails for a closed one only
		}
	}
}

// Read counts.
func (y *youngConn) Read(p []byte) (int, error) {
	n, err := y.Conn.Read(p)
	if n > 0 && y.left.Load() > 0 {
		y.grow(p[:n])
	}
	return n, err
}

func (y *youngConn) grow(p []byte) {
	if !y.read && p[0] == tlsHandshake && len(p) >= tlsHead {
		y.left.Add(tlsHead + int64(p[3])<<8 + int64(p[4]) + tlsFinish)
	}
	y.read = true
	if y.left.Add(-int64(len(p))) <= 0 {
		y.all.forget(y)
	}
}

// Close forgets the connection.
func (y *youngConn) Close() error {
	y.all.forget(y)
	return y.Conn.Close()
}

// SyscallConn gives access to the socket, as the connection below does.
func (y *youngConn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := y.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, syscall.EINVAL
}
