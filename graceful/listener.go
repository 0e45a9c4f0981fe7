package graceful

// The listener that a component serves: it tells when the server first
// accepts, it can pause, and it can end accepting without losing what the
// kernel has already accepted for us.

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/belay-go/belay/internal/handover"
)

const (
	// quiet is how long nothing may come before the queue counts as empty.
	quiet = 5 * time.Millisecond

	// pause is between two tries of an Accept that fails for want of
	// descriptors, say, while a stop gives some back.
	pause = time.Millisecond

	// joinTime is how long Serve may take to return once Accept has failed.
	// Servers that only return from Serve when they are shut down exist.
	// Whoever does not even accept is waited for as long, after the settle
	// time on a busy machine.
	joinTime = 100 * time.Millisecond
)

// errAccepting is what Accept returns after the end. It is net.ErrClosed to
// errors.Is, so that servers take it for the ordinary end of a listener, and
// not temporary, so that none of them tries again.
type errAccepting struct{}

func (errAccepting) Error() string { return "graceful: accepting has ended" }
func (errAccepting) Unwrap() error { return net.ErrClosed }

// An acceptor wraps a listener. It adds nothing to the connections.
//
// It accepts, pauses and accepts again while one process takes another's place;
// both have the socket then, so what comes meanwhile waits in one queue.
//
// Accepting ends in three steps, so that no connection is reset: new ones are
// kept out (Linux: their SYN is dropped, and the client's next try is refused;
// Unix sockets: the path is removed), those in handshake and those in the
// kernel's queue are accepted, then the socket is closed. Where new ones can't
// be kept out, accepting ends in the first short pause, and with the settle
// time at the latest. A listener that knows no deadlines is closed at once, and
// so is a socket that another process goes on accepting from: its queue is lost
// to nobody.
type acceptor struct {
	net.Listener
	path    string // of a Unix socket
	addr    string // as it was asked for
	ours    bool   // bound by us, or by the process whose place we take
	foreign bool   // a supervisor has it, too
	serving func() // called by the first Accept, once

	accepted atomic.Int64
	wrap     func(net.Conn) net.Conn // nil: connections are left alone

	first sync.Once
	done  chan struct{} // closed with the socket
	come  chan struct{} // tells who waits in a pause that something was handed over
	mu    struct {
		sync.Mutex
		paused chan struct{} // closed when that is over; nil: it is not
		moved  bool          // it has been: there may be a timeout of that yet
		shared bool          // another process of ours has it
		kept   bool          // the service manager has it in its store
		handed []net.Conn    // by another process, not accepted yet

		ending bool
		shut   bool      // the kernel lets no new connection in
		until  time.Time // when handshakes should be over
		empty  bool      // nothing came in the last wait
		closed bool
	}
}

// bind opens the socket of c, or takes the one it came with.
func bind(ctx context.Context, c *Component) (*acceptor, error) {
	if c.Listener != nil {
		return newAcceptor(c, c.Listener), nil
	}
	network, addr, path := "tcp", c.Addr, ""
	if rest, ok := strings.CutPrefix(c.Addr, "unix:"); ok {
		network, addr, path = "unix", rest, rest
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // its sockets take no filter: see refuse
	ln, err := lc.Listen(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	a := newAcceptor(c, ln)
	a.path, a.addr, a.ours = path, c.Addr, true
	return a, nil
}

func newAcceptor(c *Component, ln net.Listener) *acceptor {
	return &acceptor{Listener: ln, wrap: c.wrap, done: make(chan struct{}), come: make(chan struct{}, 1)}
}

// adopt takes a socket that was handed over for c.
func adopt(s handover.Socket, c *Component) (*acceptor, error) {
	defer s.File.Close() // FileListener has its own
	ln, err := net.FileListener(s.File)
	if err != nil {
		return nil, err
	}
	a := newAcceptor(c, ln)
	a.addr, a.ours, a.foreign = c.Addr, !s.Foreign, s.Foreign
	if u, ok := ln.Addr().(*net.UnixAddr); ok {
		a.path = u.Name
	}
	return a, nil
}

// handable returns the socket, if it can be handed over.
func (a *acceptor) handable() (syscall.Conn, bool) {
	if !a.ours && !a.foreign {
		return nil, false
	}
	s, ok := a.Listener.(syscall.Conn)
	return s, ok
}

func (a *acceptor) onServe(f func()) { a.serving = f }

func (a *acceptor) count() int64 { return a.accepted.Load() }

func (a *acceptor) origin() (string, bool) { return a.addr, a.foreign || a.isKept() }

func (a *acceptor) keep() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.kept = true
	if u, ok := a.Listener.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
}

func (a *acceptor) isKept() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.kept
}

func (a *acceptor) ended() <-chan struct{} { return a.done }

func (a *acceptor) retire() { _ = a.Close() }

// Accept returns the next connection, also after the end has begun, until
// there is none left.
func (a *acceptor) Accept() (net.Conn, error) {
	a.first.Do(a.serving)
	c, err := a.accept()
	if err != nil {
		return nil, err
	}
	a.accepted.Add(1)
	if a.wrap != nil {
		c = a.wrap(c)
	}
	return c, nil
}

func (a *acceptor) accept() (net.Conn, error) {
	for {
		a.awaitTurn()
		if c := a.nextHanded(); c != nil {
			return c, nil
		}
		c, err := a.Listener.Accept()
		now := time.Now()
		if err == nil {
			a.wait(now, false)
			return c, nil
		}
		if ends, again := a.failed(err); again {
			continue
		} else if !ends {
			return nil, err
		}
		// A deadline that is over does not tell that the queue is empty: on
		// a busy machine, Accept may not have looked since it was set.
		c, looked := queued(a.Listener)
		if c != nil {
			return c, nil
		}
		if a.over(now, err, looked) {
			_ = a.Close()
			return nil, errAccepting{}
		}
		if !timedOut(err) {
			time.Sleep(pause) // such an error comes again at once
		}
		a.wait(time.Now(), true)
	}
}

// pause makes Accept wait. One that has a connection in hand serves it.
func (a *acceptor) pause() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.paused == nil && !a.mu.ending {
		a.mu.paused, a.mu.moved = make(chan struct{}), true
		a.setDeadlineLocked()
	}
}

// resume ends a pause.
func (a *acceptor) resume() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.resumeLocked() {
		a.setDeadlineLocked()
	}
}

func (a *acceptor) resumeLocked() bool {
	if a.mu.paused == nil {
		return false
	}
	close(a.mu.paused)
	a.mu.paused = nil
	return true
}

// setDeadlineLocked makes Accept give up at once, or never, while there is no
// end.
func (a *acceptor) setDeadlineLocked() {
	if a.mu.paused != nil || len(a.mu.handed) > 0 {
		a.setDeadline(time.Unix(1, 0))
		return
	}
	a.setDeadline(time.Time{})
}

// awaitTurn waits while there is a pause and nothing was handed over.
func (a *acceptor) awaitTurn() {
	for {
		a.mu.Lock()
		paused, handed := a.mu.paused, len(a.mu.handed) > 0
		a.mu.Unlock()
		if paused == nil || handed {
			return
		}
		select {
		case <-paused:
		case <-a.come:
		}
	}
}

// share says whether another process of ours accepts from this socket, or is
// about to.
func (a *acceptor) share(shared bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.shared = shared
	if u, ok := a.Listener.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(!shared && a.ours && !a.mu.kept)
	}
}

// setDeadline sets when Accept gives up; it reports whether it can be set.
func (a *acceptor) setDeadline(t time.Time) bool {
	d, ok := a.Listener.(interface{ SetDeadline(time.Time) error })
	return ok && d.SetDeadline(t) == nil
}

// end begins the end of accepting; whoever accepts does the rest.
func (a *acceptor) end(now time.Time) {
	if a.isShared() {
		_ = a.Close()
		return
	}
	shut := a.ours && !a.isKept() && a.keepOut() == nil
	a.mu.Lock()
	a.mu.ending, a.mu.shut, a.mu.until = true, shut, now.Add(settle)
	a.resumeLocked() // whoever waits there has to empty the queue
	a.mu.Unlock()
	a.wait(now, false)
}

func (a *acceptor) isShared() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.shared
}

// keepOut lets no new connection in, if that can be done.
func (a *acceptor) keepOut() error {
	u, ok := a.Listener.(*net.UnixListener)
	if !ok {
		return refuse(a.Listener)
	}
	// An heir may bind the path again at once: ours to remove only now.
	u.SetUnlinkOnClose(false)
	return os.Remove(a.path)
}

// wait says how long Accept may wait for another connection.
func (a *acceptor) wait(now time.Time, empty bool) {
	a.mu.Lock()
	a.mu.empty = empty
	ending, until := a.mu.ending, now.Add(quiet)
	if a.mu.shut && until.Before(a.mu.until) {
		until = a.mu.until
	}
	a.mu.Unlock()
	if !ending {
		return
	}
	if !a.setDeadline(until) {
		_ = a.Close()
	}
}

// failed tells what a failed Accept is about: the end of accepting, or a pause,
// after which it tries again.
func (a *acceptor) failed(err error) (ends, again bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.ending {
		return true, false
	}
	return false, a.mu.moved && timedOut(err)
}

// over reports whether a failed Accept was the last one. Where nobody looked
// into the queue, it takes a second timeout, after a new deadline. An error of
// one aborted connection does not end the others.
func (a *acceptor) over(now time.Time, err error, looked bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	timeout := timedOut(err)
	if len(a.mu.handed) > 0 {
		return false
	}
	return a.mu.closed || timeout && (looked || a.mu.empty) || !(timeout || a.mu.shut) && now.After(a.mu.until)
}

func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// Close closes the socket, once.
func (a *acceptor) Close() error {
	a.mu.Lock()
	again := a.mu.closed
	a.mu.closed, a.mu.ending = true, true
	a.resumeLocked()
	a.mu.Unlock()
	if again {
		return nil
	}
	defer close(a.done)
	return a.Listener.Close()
}
