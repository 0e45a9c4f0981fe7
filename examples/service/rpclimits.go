package main

// The limits as grpc interceptors: what (*service).limited is for http.

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	"github.com/belay-go/belay/ctxutil"
	"github.com/belay-go/belay/limiter"
)

// limitedUnary serves a call within the limits and within the time that any
// request has.
func (s *service) limitedUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	if isProbe(info.FullMethod) {
		return handle(ctx, req)
	}
	err = s.limitedCall(ctx, info.FullMethod, s.limits.whole, func() error {
		ctx, cancel := ctxutil.ShrinkNamed(ctx, "request", requestTime)
		defer cancel()
		resp, err = handle(ctx, req)
		return err
	})
	return resp, err
}

// limitedStream bounds how many streams there are, not how long they last.
func (s *service) limitedStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if isProbe(info.FullMethod) {
		ctx, cancel := context.WithCancel(stream.Context())
		defer cancel()
		defer context.AfterFunc(s.leaving, cancel)()
		return handle(srv, watch{stream, ctx})
	}
	return s.limitedCall(stream.Context(), info.FullMethod, s.limits.streams, func() error { return handle(srv, stream) })
}

// limitedCall runs handle if the limits admit the call, and gives its error
// the code that clients see.
func (s *service) limitedCall(ctx context.Context, method string, bound limiter.Limiter, handle func() error) (err error) {
	call := s.served.begin(method)
	defer func() {
		call.end(err)
		err = s.rpcError(method, err)
	}()
	client := "unknown"
	if p, ok := peer.FromContext(ctx); ok {
		client = clientOf(p.Addr.String())
	}
	permit, err := s.limits.admit(ctx, client, bound)
	if err != nil {
		return err
	}
	defer permit.Release() // does nothing after one of the others
	err = handle()
	switch ctx.Err() {
	case context.Canceled:
		permit.Ignore() // the client has gone, which says nothing
	case context.DeadlineExceeded:
		permit.Drop()
	}
	return err
}

// isProbe tells the calls that bypass every limit.
func isProbe(method string) bool {
	return strings.HasPrefix(method, "/"+healthpb.Health_ServiceDesc.ServiceName+"/")
}

// watch is a stream of health news. Its client waits for as long as there may
// be any, so the stream has to end with the service.
type watch struct {
	grpc.ServerStream
	ctx context.Context // of this one stream
}

func (w watch) Context() context.Context { return w.ctx }
