package graceful

// The socket that a component reads datagrams from. It has one queue, in the
// kernel, which outlives the process that reads from it if another one has the
// socket as well.

import (
	"context"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/belay-go/belay/internal/handover"
)

// The networks of datagrams, as they are named in Component.Addr.
const (
	udp      = "udp"
	unixgram = "unixgram"
)

// errReading is what ReadFrom returns after the end.
type errReading struct{}

func (errReading) Error() string { return "graceful: reading has ended" }
func (errReading) Unwrap() error { return net.ErrClosed }

// A packetSocket is one as package net has it.
type packetSocket interface {
	net.PacketConn
	syscall.Conn
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// packets wraps the socket: reading can pause, and end, while writing goes on.
//
// Only one process reads at a time, since what is read can't be given back. So
// the end of reading takes what is in the queue first, unless another process
// goes on reading.
type packets struct {
	packetSocket
	path    string // of a Unix socket
	addr    string // as it was asked for
	ours    bool   // bound by us, or by the process whose place we take
	foreign bool   // a supervisor has it, too

	serving  func() // called by the first ReadFrom, once
	first    sync.Once
	received atomic.Int64
	over     chan struct{} // closed with the end of reading

	mu struct {
		sync.Mutex
		paused   bool
		shared   bool      // another process of ours has it
		kept     bool      // the service manager has it in its store
		ending   bool      // only what is in the queue is read
		until    time.Time // when that ends at the latest
		empty    bool      // nothing came in the last wait
		ended    bool      // nothing is read any more
		closed   bool
		deadline time.Time     // for reading, as the program has set it
		changed  chan struct{} // closed, and made anew, when anything of that changes
	}
}

func newPackets(c *Component, conn net.PacketConn) (*packets, error) {
	s, ok := conn.(packetSocket)
	if !ok {
		_ = conn.Close()
		return nil, net.UnknownNetworkError(conn.LocalAddr().Network())
	}
	p := &packets{packetSocket: s, addr: c.Addr, over: make(chan struct{})}
	p.mu.changed = make(chan struct{})
	if u, ok := conn.LocalAddr().(*net.UnixAddr); ok {
		p.path = u.Name
	}
	return p, nil
}

// bindPackets opens the socket of c.
func bindPackets(ctx context.Context, c *Component) (*packets, error) {
	network, addr, _ := strings.Cut(c.Addr, ":")
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	p, err := newPackets(c, conn)
	if err == nil {
		p.ours = true
	}
	return p, err
}

// adoptPackets takes a socket that was handed over for c.
func adoptPackets(s handover.Socket, c *Component) (*packets, error) {
	defer s.File.Close() // FilePacketConn has its own
	conn, err := net.FilePacketConn(s.File)
	if err != nil {
		return nil, err
	}
	p, err := newPackets(c, conn)
	if err == nil {
		p.ours, p.foreign = !s.Foreign, s.Foreign
	}
	return p, err
}

func (p *packets) Addr() net.Addr { return p.LocalAddr() }

func (p *packets) onServe(f func()) { p.serving = f }

func (p *packets) count() int64 { return p.received.Load() }

func (p *packets) origin() (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addr, p.foreign || p.mu.kept
}

func (p *packets) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.kept = true
}

func (p *packets) handable() (syscall.Conn, bool) { return p.packetSocket, true }

// ReadFrom reads the next datagram. It waits while another process may read.
func (p *packets) ReadFrom(b []byte) (int, net.Addr, error) {
	p.first.Do(p.serving)
	for {
		if err := p.awaitTurn(); err != nil {
			return 0, nil, err
		}
		n, from, err := p.packetSocket.ReadFrom(b)
		if err == nil {
			p.received.Add(1)
			return n, from, nil
		}
		if err = p.failed(err); err != nil {
			return n, from, err
		}
	}
}

// awaitTurn waits for the end of a pause. Its error is that nothing is to be
// read.
func (p *packets) awaitTurn() error {
	for {
		p.mu.Lock()
		p.endLocked(time.Now())
		ended, paused, deadline, changed := p.mu.ended, p.mu.paused, p.mu.deadline, p.mu.changed
		p.mu.Unlock()
		switch {
		case ended:
			return errReading{}
		case !paused:
			return nil
		}
		if late := waitUntil(changed, deadline); late {
			return os.ErrDeadlineExceeded
		}
	}
}

// waitUntil waits for a change, or for a time, unless that is zero; it reports
// whether it was the time.
func waitUntil(changed <-chan struct{}, at time.Time) (late bool) {
	if at.IsZero() {
		<-changed
		return false
	}
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-changed:
		return false
	case <-t.C:
		return true
	}
}

// endLocked ends reading when the queue is empty. Where nobody can look into it,
// it is after a wait in which nothing came.
func (p *packets) endLocked(now time.Time) {
	if !p.mu.ending || p.mu.ended {
		return
	}
	there, looked := packetQueued(p.packetSocket)
	if looked && !there || !looked && p.mu.empty || now.After(p.mu.until) {
		p.retireLocked()
		return
	}
	p.setLocked(now)
}

// failed takes in that reading has failed; nil: it is to be tried again.
func (p *packets) failed(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.mu.closed || p.mu.ended:
		return errReading{}
	case !timedOut(err):
		return err
	case !p.mu.deadline.IsZero() && !time.Now().Before(p.mu.deadline):
		return err
	}
	p.mu.empty = p.mu.ending
	return nil // a pause begins, or is over already
}

// setLocked sets when a read gives up, and tells those who wait.
func (p *packets) setLocked(now time.Time) {
	at := p.mu.deadline
	switch {
	case p.mu.paused || p.mu.ended:
		at = time.Unix(1, 0)
	case p.mu.ending && (at.IsZero() || now.Add(quiet).Before(at)):
		at = now.Add(quiet)
	}
	_ = p.packetSocket.SetReadDeadline(at) // fails for a closed one only
	close(p.mu.changed)
	p.mu.changed = make(chan struct{})
}

// SetReadDeadline sets the time at which ReadFrom gives up, in a pause too.
func (p *packets) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return net.ErrClosed
	}
	p.mu.deadline = t
	p.setLocked(time.Now())
	return nil
}

// SetDeadline sets both deadlines.
func (p *packets) SetDeadline(t time.Time) error {
	if err := p.SetWriteDeadline(t); err != nil {
		return err
	}
	return p.SetReadDeadline(t)
}

func (p *packets) pause() { p.setPaused(true) }

func (p *packets) resume() { p.setPaused(false) }

func (p *packets) setPaused(paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.paused != paused && !p.mu.ending {
		p.mu.paused = paused
		p.setLocked(time.Now())
	}
}

func (p *packets) share(shared bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.shared = shared
}

// end begins the end of reading; whoever reads does the rest.
func (p *packets) end(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.shared {
		p.retireLocked()
		return
	}
	p.mu.ending, p.mu.paused, p.mu.until = true, false, now.Add(settle)
	p.setLocked(now)
}

func (p *packets) ended() <-chan struct{} { return p.over }

// retire ends reading; what is written still goes out.
func (p *packets) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retireLocked()
}

func (p *packets) retireLocked() {
	if p.mu.ended {
		return
	}
	p.mu.ending, p.mu.ended, p.mu.paused = true, true, false
	p.setLocked(time.Now())
	close(p.over)
}

// Close closes the socket, once, and removes the path of one that nobody else
// has.
func (p *packets) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return nil
	}
	p.retireLocked()
	p.mu.closed = true
	if p.path != "" && p.ours && !p.mu.shared && !p.mu.kept {
		_ = os.Remove(p.path) // as good as gone
	}
	return p.packetSocket.Close()
}
