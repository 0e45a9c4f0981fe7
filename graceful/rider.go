package graceful

// A connection that can go along to the process that takes this one's place,
// while nothing of a request has been read from it.

import (
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// httpBuffer is how much net/http reads at a time. A read for that much has
// nothing before it in net/http's buffer, where it is the first since the
// connection became idle: net/http asks for more then only if it has less than
// four bytes. If it comes to read another amount, connections stay.
const httpBuffer = 4096

// A way is where the idle connections of one server go.
type way struct {
	mover *mover
	name  string // of the component
}

// A rider is a connection that may go along. It knows what nobody else does:
// that its serving goroutine waits for a request, and that nothing of one has
// been read. A read deadline in the past ends that wait, and the goroutine
// itself then hands over the connection; whoever has read something goes on
// instead. So there is no instant in which both processes read from it.
type rider struct {
	server *httpServer
	raw    rawSocket
	conn   *conn // set before the first Read; nil: somebody else has wrapped this, so it stays

	// Of the serving goroutine, and of the one that net/http lets read beside a
	// handler and joins before the connection is idle again.
	begun bool // something was read since it was idle last
	http1 bool // it has had a request of http/1
	stays *way // which did not work

	mu struct {
		sync.Mutex
		waits    bool      // in a Read that may be ended
		ended    bool      // it was
		deadline time.Time // as net/http has set it
	}
}

// rawSocket is the connection as the kernel has it.
type rawSocket interface {
	net.Conn
	syscall.Conn
}

// Both kinds of sockets keep what net/http finds on them: ReadFrom for sendfile,
// and CloseWrite.
type (
	tcpRider struct {
		*net.TCPConn
		r rider
	}
	unixRider struct {
		*net.UnixConn
		r rider
	}
)

func (c *tcpRider) Read(p []byte) (int, error)         { return c.r.read(p) }
func (c *tcpRider) SetReadDeadline(t time.Time) error  { return c.r.setReadDeadline(t) }
func (c *tcpRider) SetDeadline(t time.Time) error      { return c.r.setDeadline(t) }
func (c *tcpRider) NetConn() net.Conn                  { return c.TCPConn }
func (c *tcpRider) rider() *rider                      { return &c.r }
func (c *unixRider) Read(p []byte) (int, error)        { return c.r.read(p) }
func (c *unixRider) SetReadDeadline(t time.Time) error { return c.r.setReadDeadline(t) }
func (c *unixRider) SetDeadline(t time.Time) error     { return c.r.setDeadline(t) }
func (c *unixRider) NetConn() net.Conn                 { return c.UnixConn }
func (c *unixRider) rider() *rider                     { return &c.r }

// riding is a net.Conn that is a rider.
type riding interface{ rider() *rider }

// ride wraps what this server accepts, where it may go along.
func (h *httpServer) ride(c net.Conn) net.Conn {
	if !h.rides {
		return c
	}
	switch c := c.(type) {
	case *net.TCPConn:
		return &tcpRider{TCPConn: c, r: rider{server: h, raw: c}}
	case *net.UnixConn:
		return &unixRider{UnixConn: c, r: rider{server: h, raw: c}}
	}
	return c
}

// takesConns reports whether connections can come to this server, and go from
// it; false before it serves.
func (h *httpServer) takesConns() bool {
	select {
	case <-h.started:
		return h.rides
	default:
		return false
	}
}

// depart makes connections go w whenever they are idle, beginning with those
// that are; nil: they stay.
func (h *httpServer) depart(w *way) {
	h.way.Store(w)
	if w == nil {
		return
	}
	for _, c := range h.conns.open.Range {
		if r := c.(*conn).rider; r != nil {
			r.interrupt()
		}
	}
}

// goesAlong reports whether c is one that needn't be sent away, since it goes
// along when it is idle.
func (h *httpServer) goesAlong(c *conn) bool {
	if c == nil || c.rider == nil || !c.rider.http1 {
		return false
	}
	w := h.way.Load()
	return w != nil && w != c.rider.stays
}

// interrupt ends the wait for a request.
func (r *rider) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.waits && !r.mu.ended {
		r.mu.ended = true
		_ = r.raw.SetReadDeadline(time.Unix(1, 0)) // fails for a closed one only
	}
}

// read reads, unless the connection has gone: then it is at its end, here.
func (r *rider) read(p []byte) (int, error) {
	for {
		if w := r.wait(len(p)); w != nil {
			if r.handOver(w) {
				return 0, io.EOF
			}
			continue
		}
		n, err := r.raw.Read(p)
		ended := r.done()
		if n > 0 {
			r.begun = true
		}
		if n > 0 || !ended || !timedOut(err) {
			return n, err
		}
	}
}

// wait notes that a Read of size begins, and whether it may be ended. Who may
// go already gets the way.
func (r *rider) wait(size int) *way {
	may := r.idle(size)
	r.mu.Lock()
	defer r.mu.Unlock()
	// Asked for under the mutex: either this sees the way, or whoever has
	// stored it comes for the mutex later, and finds this one waiting.
	w := r.server.way.Load()
	if may && w != nil && w != r.stays {
		return w
	}
	r.mu.waits = may
	return nil
}

// idle reports whether nothing of a request has been read.
func (r *rider) idle(size int) bool {
	if r.conn == nil || r.begun || size != httpBuffer {
		return false
	}
	state := r.conn.is()
	return state == http.StateNew || state == http.StateIdle && r.http1 && !r.conn.h2.Load()
}

// done notes that a Read is over, and whether it was ended.
func (r *rider) done() (ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ended = r.mu.ended
	r.mu.waits, r.mu.ended = false, false
	if ended {
		_ = r.raw.SetReadDeadline(r.mu.deadline) // fails for a closed one only
	}
	return ended
}

// handOver hands the connection over. If that fails it stays.
func (r *rider) handOver(w *way) bool {
	if err := w.mover.move(w.name, r.raw); err != nil {
		r.stays = w
		return false
	}
	r.server.moved.Add(1)
	return true
}

func (r *rider) setReadDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.deadline = t
	if r.mu.ended {
		return nil // done sets it
	}
	return r.raw.SetReadDeadline(t)
}

func (r *rider) setDeadline(t time.Time) error {
	if err := r.raw.SetWriteDeadline(t); err != nil {
		return err
	}
	return r.setReadDeadline(t)
}
