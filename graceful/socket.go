package graceful

// What a component serves: a listener or a socket for datagrams. Both can be
// paused and shared while another process takes this one's place.

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/belay-go/belay/internal/handover"
)

type socket interface {
	Addr() net.Addr

	// Close closes it, once.
	Close() error

	// onServe has f called when the component first accepts or reads. It is
	// called before that.
	onServe(f func())

	// count is how many connections or datagrams there were.
	count() int64

	// origin is the address as it was asked for, and whether a supervisor has
	// the socket, too.
	origin() (addr string, foreign bool)

	// handable returns the socket, if it can be handed over.
	handable() (syscall.Conn, bool)

	// pause makes accepting or reading wait, resume ends that. share says
	// whether another process of ours has the socket, or is about to.
	pause()
	resume()
	share(shared bool)

	// keep says that the service manager has the socket from now on.
	keep()

	// end begins the end of accepting or reading; ended is closed with it, and
	// retire brings it about.
	end(now time.Time)
	ended() <-chan struct{}
	retire()
}

// openSocket opens the socket of c, or takes the one it came with.
func openSocket(ctx context.Context, c *Component) (socket, error) {
	if c.ServePacket != nil {
		return bindPackets(ctx, c)
	}
	return bind(ctx, c)
}

// adoptSocket takes a socket that was handed over for c.
func adoptSocket(s handover.Socket, c *Component) (socket, error) {
	if c.ServePacket != nil {
		return adoptPackets(s, c)
	}
	return adopt(s, c)
}

// serves reports whether the component has a socket.
func (c *Component) serves() bool { return c.Serve != nil || c.ServePacket != nil }
