package graceful

// The stop of a gRPC server, by its shape: this module does not import gRPC.

import (
	"context"
	"net"
)

// GRPC returns a component for a *grpc.Server, or anything of its shape.
// In its stop no new connection is accepted, connections that are still in
// their handshake get 50 ms to finish it (2 s after a restart), those that have
// fallen silent in it are closed then, and GracefulStop lets the calls in flight end; at the component's limit Stop cuts them. Streams learn of it from
// [Draining] if an interceptor has given them [Manager.WithDraining]; one that
// does not listen is only ended by the cut.
//
// The server sees connections that are no *net.TCPConn, so gRPC does not set
// TCP_USER_TIMEOUT on them; this package does, on Linux, to the 20 s that are
// gRPC's own default.
func GRPC(name, addr string, srv interface {
	Serve(net.Listener) error
	GracefulStop()
	Stop()
}) Component {
	if srv == nil {
		panic("graceful: GRPC with a nil server")
	}
	var young handshakes
	return Component{
		Name:  name,
		Addr:  addr,
		Serve: func(_ context.Context, ln net.Listener) error { return srv.Serve(ln) },
		Stop: func(ctx context.Context) error {
			// GracefulStop closes a raw connection that is not a
			// transport yet, and with it the call its client had sent; and
			// it waits, for minutes, for one that never becomes one.
			young.settle(ctx)
			srv.GracefulStop()
			return nil
		},
		Cut:   srv.Stop,
		drain: young.drain,
		wrap:  young.wrap,
	}
}
