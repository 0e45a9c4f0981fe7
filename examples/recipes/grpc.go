package recipes

// google.golang.org/grpc: health that turns red before anything else does, and
// streams that learn of the stop. GracefulStop waits for streams and tells them
// nothing. contrib/grpc has both ready made; this is how it is done by hand.

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/belay-go/belay/graceful"
)

// Health turns the health service red with the manager's own readiness, while
// calls are still taken: its hook is called before anything stops, in whichever
// phase it is.
func Health(h *health.Server) graceful.Component {
	return graceful.Component{
		Name:    "health",
		PreStop: func(context.Context) error { h.Shutdown(); return nil },
	}
}

// Streams gives every stream the drain signal of the component called name, so
// that graceful.Draining(stream.Context()) works in its handler as it does in
// an http one. Health's Watch knows nothing but its context, and each of its
// watchers would hold up the stop: its context ends.
//
//	grpc.NewServer(grpc.StreamInterceptor(recipes.Streams(m, "grpc")))
func Streams(m *graceful.Manager, name string) grpc.StreamServerInterceptor {
	return func(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		ctx := m.WithDraining(s.Context(), name)
		if info.FullMethod == grpc_health_v1.Health_Watch_FullMethodName {
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			defer cancel()
			go func() { // ends with the stream, or with the drain
				select {
				case <-graceful.Draining(ctx):
					cancel()
				case <-ctx.Done():
				}
			}()
		}
		return next(srv, stream{s, ctx})
	}
}

// stream is a grpc.ServerStream with another context.
type stream struct {
	grpc.ServerStream
	ctx context.Context // derived from the stream's own
}

func (s stream) Context() context.Context { return s.ctx }
