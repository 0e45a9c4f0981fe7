package graceful

// What a manager runs: plain functions in a struct, and constructors for the
// shapes that most programs have.

import (
	"context"
	"io"
	"net"
	"strings"
	"time"
)

// A Component is one part of a process: a server, a worker, a pool to close.
// The constructors ([HTTP], [GRPC], [Server], [Func], [Closer]) fill one in;
// a literal serves for anything else, for example for a resource that is
// opened and closed:
//
//	graceful.Component{Name: "db", Start: db.Open, Stop: db.Close}
//
// Its functions are called in the order of the fields, each at most once and
// on a goroutine of its own, except that Stop and Cut may overlap and that
// Run, Serve or ServePacket runs on until the stop. What Start wrote is visible to
// Run, Serve, ServePacket and Stop; what a component wrote before it was up is visible to the
// components of later phases; what it wrote before its stop ended is visible
// to the stop of the phases below it. A Component is a value; it must not be
// changed once it was given to [Manager.Add]. The constructors panic for nil.
type Component struct {
	// Name stands in the report, the logs and the probes; it must be unique
	// in its manager and not empty.
	Name string

	// Limit bounds the component's stop. Zero or less: it may use all that
	// its phase has. The budget may leave it less than this.
	Limit time.Duration

	// Addr is where Serve's socket is bound, before any component starts:
	// "host:port" for TCP, "unix:PATH" for a Unix socket; see ServePacket for
	// datagrams. Listener is used
	// instead where it is set, by a socket that came from elsewhere; it is
	// closed when accepting ends.
	Addr     string
	Listener net.Listener

	// Start opens what the component needs; it is up when Start returns nil,
	// unless it has a Run or Serve too. ctx is cancelled, with its cause,
	// when a stop begins meanwhile. A Start that fails is not stopped.
	Start func(ctx context.Context) error

	// Run does the component's work and returns when ctx is cancelled, which
	// happens when this component's own stop begins and not before. The
	// component is up when ready was called; calls after the first do
	// nothing. A return before the stop is a failure, even of nil.
	Run func(ctx context.Context, ready func()) error

	// Serve is Run for servers: it accepts from ln and returns soon after
	// ln.Accept has failed. The component is up when it first accepts. ctx
	// is that of Run.
	Serve func(ctx context.Context, ln net.Listener) error

	// ServePacket is Serve for datagrams: it reads from pc, whose socket is bound
	// at Addr, "udp:host:port" or "unixgram:PATH", and returns soon after
	// pc.ReadFrom has failed with net.ErrClosed. The component is up when it first
	// reads. At its stop what the kernel has queued is still read, for 50 ms at
	// most; WriteTo goes on until ServePacket has returned, and then pc is closed.
	// When another process takes this one's place, only one of them reads at a
	// time: ReadFrom waits here from the moment in which the new one may read, and
	// ends with the stop, with nothing more read. pc also has the methods
	// SetReadBuffer and SetWriteBuffer, with an int for the bytes.
	ServePacket func(ctx context.Context, pc net.PacketConn) error

	// PreStop is called when the stop of the whole process begins, while
	// everything still serves: to leave a registry, to hand over leadership. It
	// is not called if the stop follows a restart.
	// Those of all components run at the same time, and beside the delay for
	// load balancers; no phase stops before they have returned. ctx ends with
	// the time that the budget has for them, or with Limit. One that returns
	// an error makes the component fail; the stop goes on. It is not called
	// for a component that has never been up.
	PreStop func(ctx context.Context) error

	// Stop ends the work; its ctx has the limit of this stop as its deadline.
	// Before it is called, accepting has ended, Serve has returned (or had
	// 100 ms to), and Run's context is cancelled. The component has stopped when Stop and
	// Run have returned.
	Stop func(ctx context.Context) error

	// Cut ends at once what Stop did not end in time. A Stop or Run that is
	// still busy should return because of it.
	Cut func()

	// Exclusive says that this must not run in two processes at a time: a
	// consumer, a scheduler, the holder of a lock. When another process takes
	// this one's place, it starts there only once it has stopped here, within
	// Limit or 10 s, and being ready doesn't wait for it. If that process ends
	// on probation it is started here again, so its functions may be called
	// again, too. It can't have Serve or ServePacket.
	Exclusive bool

	// HandOverIdle makes the idle connections of an [HTTP] component go along
	// when another process takes this one's place, so that their clients don't
	// even reconnect: nothing is closed, and what they send meanwhile is served
	// by the new one, where the component has to have this, too. A connection
	// goes whenever it is idle from the moment on in which the new process
	// accepts, until the stop of this one ends; it isn't sent away meanwhile. If
	// the new process ends on probation, the connections that it got end with
	// it. If it is itself replaced and ends first, those that it hasn't got stay.
	//
	// Connections stay, and are sent away as usual, if they speak TLS or h2, are
	// hijacked, have sent a part of a request, or were wrapped by a Serve of
	// yours; and so do all of a server that has ConnState or ConnContext, or of
	// a component with Listener. With this and RestartOptions.Enabled, what
	// Hijack returns is no *net.TCPConn, but its method NetConn returns that.
	HandOverIdle bool

	// MayEnd says that a nil return of Run before the stop is no failure.
	MayEnd bool

	// What the constructors need beyond that. soften is called at the
	// beginning of a delay, harden when it was for nothing, drain at the beginning of this component's stop
	// while accepting goes on, abort is a Cut that learns its cause. activity
	// is a number that changes with every request. detail adds a remark to the
	// report, connList its connections to Manager.Conns.
	soften   func(delay time.Duration)
	harden   func()
	activity func(now time.Time, quiet time.Duration) (count int64, busy bool)
	drain    func(limit time.Duration, cause error)
	abort    func(cause error)
	detail   func() string
	connList func(now time.Time) []Conn
	wrap     func(net.Conn) net.Conn
	server   *httpServer // of HTTP
}

// Func returns a component that runs a function: a consumer, a scheduler, a
// loop. run calls ready when it can do its work, and returns when ctx is
// cancelled. See [Component.Run] for the rest.
func Func(name string, run func(ctx context.Context, ready func()) error) Component {
	if run == nil {
		panic("graceful: Func with a nil func")
	}
	return Component{Name: name, Run: run}
}

// Closer returns a component that is up from the beginning and is closed when
// its phase stops: a pool, a tracer, a file. Close cannot be told of a limit;
// one that outlives it is reported as stuck.
func Closer(name string, c io.Closer) Component {
	if c == nil {
		panic("graceful: Closer with a nil closer")
	}
	return Component{Name: name, Stop: func(context.Context) error { return c.Close() }}
}

// Server returns a component for any server that serves a listener and can be
// shut down. Accepting ends and Serve is joined before Shutdown is called; a
// server that also has a Close method (with or without an error) is cut by it.
// The error that Serve returns during the stop is not an error.
func Server(name, addr string, srv interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
}) Component {
	if srv == nil {
		panic("graceful: Server with a nil server")
	}
	c := Component{
		Name:  name,
		Addr:  addr,
		Serve: func(_ context.Context, ln net.Listener) error { return srv.Serve(ln) },
		Stop:  srv.Shutdown,
	}
	switch s := srv.(type) {
	case io.Closer:
		c.Cut = func() { _ = s.Close() }
	case interface{ Close() }:
		c.Cut = s.Close
	}
	return c
}

// check panics for what can't work, before anything depends on it.
func (c *Component) check() {
	switch {
	case c.Name == "":
		panic("graceful: component without a name")
	case c.Start == nil && c.Run == nil && !c.serves() && c.Stop == nil && c.PreStop == nil:
		panic("graceful: component without a function")
	case c.Run != nil && c.Serve != nil:
		panic("graceful: component with both Run and Serve")
	case c.ServePacket != nil && (c.Run != nil || c.Serve != nil):
		panic("graceful: component with ServePacket and with Run or Serve")
	case c.ServePacket != nil && (c.Listener != nil || !strings.HasPrefix(c.Addr, udp+":") && !strings.HasPrefix(c.Addr, unixgram+":")):
		panic("graceful: ServePacket without an Addr of udp or unixgram")
	case c.Exclusive && c.ServePacket != nil:
		panic("graceful: Exclusive with ServePacket")
	case c.Serve != nil && c.Addr == "" && c.Listener == nil:
		panic("graceful: Serve without Addr or Listener")
	case c.Exclusive && c.Serve != nil:
		panic("graceful: Exclusive with Serve")
	case c.HandOverIdle && c.server == nil:
		panic("graceful: HandOverIdle without HTTP")
	case !c.serves() && (c.Addr != "" || c.Listener != nil):
		panic("graceful: Addr or Listener without Serve")
	}
}
