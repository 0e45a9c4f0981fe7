package graceful

// The stop of a gRPC server, by its shape: this module does not import gRPC.

import (
	"context"
	"net"
)

// GRPC returns a component for a *grpc.Server, or anything of its shape.
// In its stop no new connection is accepted, connections that are still in
// their handshake get 50 ms to finish it, then GracefulStop lets the calls in
// flight end; at the component's limit Stop cuts them. Streams that never end
// by themselves are only ended by that cut.
func GRPC(name, addr string, srv interface {
	Serve(net.Listener) error
	GracefulStop()
	Stop()
}) Component {
	if srv == nil {
		panic("graceful: GRPC with a nil server")
	}
	return Component{
		Name:  name,
		Addr:  addr,
		Serve: func(_ context.Context, ln net.Listener) error { return srv.Serve(ln) },
		Stop: func(ctx context.Context) error {
			// GracefulStop closes a raw connection that is not a
			// transport yet, and with it the call its client had sent.
			sleepSettle(ctx)
			srv.GracefulStop()
			return nil
		},
		Cut: srv.Stop,
	}
}
