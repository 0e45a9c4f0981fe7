package belaygrpc

// This file ends a server: health first, then the streams, then the calls.

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/graceful"
)

// Graceful is the stop of one server. The zero value is ready to use, and must not
// be copied after first use. Its methods may be called concurrently.
//
//  1. When the stop of the process begins, Health turns to NOT_SERVING, and
//     whoever watches it is told, while calls are still taken, for as long as
//     graceful.Options.Delay says. A stop that follows a restart leaves it alone,
//     as the service goes on in another process.
//  2. When that of the component begins, [graceful.Draining] of a handler's context
//     closes, if the interceptors are there, and health watches end, with
//     Unavailable, once their clients have been told. No more is accepted;
//     GracefulStop sends clients away and lets calls in flight end.
//  3. At the component's limit Stop cuts what is left.
type Graceful struct {
	// Health turns to NOT_SERVING when the stop begins; as a rule a
	// *health.Server, which stays so. If nil, nobody is told.
	Health interface{ Shutdown() }

	component atomic.Pointer[context.Context] // the values of the component's; nil before it serves
	used      atomic.Bool
	told      atomic.Bool // Health has been told
}

// Component returns the component for a *grpc.Server, or anything of its shape:
// that of [graceful.GRPC], which says what else it does. It panics with "belaygrpc:
// a second Component" if it is called again: what drains is one server.
func (g *Graceful) Component(name, addr string, srv interface {
	Serve(net.Listener) error
	GracefulStop()
	Stop()
}) graceful.Component {
	if g.used.Swap(true) {
		panic("belaygrpc: a second Component")
	}
	c := graceful.GRPC(name, addr, srv)
	serve := c.Serve
	c.Serve = func(ctx context.Context, ln net.Listener) error {
		values := context.WithoutCancel(ctx)
		g.component.Store(&values)
		return serve(ctx, ln)
	}
	if g.Health != nil {
		c.PreStop = func(context.Context) error {
			g.told.Store(true)
			g.Health.Shutdown()
			return nil
		}
	}
	return c
}

// UnaryServer is a [grpc.UnaryServerInterceptor], for calls that take long, as a
// poll does. For others it isn't needed.
func (g *Graceful) UnaryServer(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	return handle(g.with(ctx), req)
}

// StreamServer is a [grpc.StreamServerInterceptor]. A stream whose handler listens
// to [graceful.Draining] ends in time; another one only by its client, or by the
// cut.
func (g *Graceful) StreamServer(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx := g.with(stream.Context())
	if info.FullMethod == grpc_health_v1.Health_Watch_FullMethodName {
		return g.watched(ctx, srv, stream, handle)
	}
	return handle(srv, &serverStream{stream, ctx})
}

// with gives a call's context the component's values, of which the drain signal is
// one.
func (g *Graceful) with(ctx context.Context) context.Context {
	if values := g.component.Load(); values != nil {
		return &drained{ctx, *values}
	}
	return ctx
}

// drained is a call's context with the values of the component below its own.
type drained struct {
	context.Context
	component context.Context // never done
}

func (d *drained) Value(key any) any {
	if v := d.Context.Value(key); v != nil {
		return v
	}
	return d.component.Value(key)
}

// lastWord is how long a watch may take to be told. It takes no time, unless the
// watch is that of another health server than Health.
const lastWord = time.Second

// watched serves a health watch. Its handler knows nothing but its context, and
// each would hold up the stop.
func (g *Graceful) watched(ctx context.Context, srv any, stream grpc.ServerStream, handle grpc.StreamHandler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watch{ServerStream: stream, ctx: ctx, cancel: cancel}
	w.mu.last = grpc_health_v1.HealthCheckResponse_SERVING
	go w.drain(graceful.Draining(ctx), &g.told) // ends with the stream, or soon after the drain
	err := handle(srv, w)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.draining && stream.Context().Err() == nil {
		return status.Error(codes.Unavailable, "the server is stopping")
	}
	return err
}

// watch is a stream of health news that ends with the server.
type watch struct {
	grpc.ServerStream
	ctx    context.Context // of this stream
	cancel func()

	mu struct {
		sync.Mutex
		last     grpc_health_v1.HealthCheckResponse_ServingStatus // sent
		draining bool
	}
}

func (w *watch) Context() context.Context { return w.ctx }

// drain ends the stream once the server drains and the client knows.
func (w *watch) drain(draining <-chan struct{}, told *atomic.Bool) {
	select {
	case <-draining:
	case <-w.ctx.Done():
		return
	}
	w.mu.Lock()
	w.mu.draining = true
	pending := told.Load() && w.mu.last == grpc_health_v1.HealthCheckResponse_SERVING
	w.mu.Unlock()
	if pending {
		patience := time.NewTimer(lastWord)
		defer patience.Stop()
		select {
		case <-patience.C:
		case <-w.ctx.Done():
		}
	}
	w.cancel()
}

// SendMsg notes what the client knows.
func (w *watch) SendMsg(m any) error {
	err := w.ServerStream.SendMsg(m)
	news, ok := m.(*grpc_health_v1.HealthCheckResponse)
	if err != nil || !ok {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.last = news.GetStatus()
	if w.mu.draining && w.mu.last != grpc_health_v1.HealthCheckResponse_SERVING {
		w.cancel()
	}
	return nil
}
