package main

// The limits as grpc interceptors: what (*service).limited is for http.

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/limiter"
)

// rpcOptions puts everything around a call: who counts it and words its error, its
// client's rate, the bound for all, and the time that any call has. How long a
// stream lasts isn't bounded, only how many there are.
func (s *service) rpcOptions() []grpc.ServerOption {
	clients := belaygrpc.PerKey(belaygrpc.ByPeer, s.limits.client, belaygrpc.Options{
		Name:      "client",
		OnRefused: func(ctx context.Context, _ belaygrpc.Call, why belaygrpc.Refusal) { turnedAway(ctx, why.Err) },
	})
	calls, streams := bound(s.limits.whole), bound(s.limits.streams)
	deadline := belaygrpc.Deadline{Limit: requestTime}
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(s.unary, clients.UnaryServer, calls.UnaryServer, deadline.UnaryServer),
		grpc.ChainStreamInterceptor(s.end.StreamServer, s.stream, clients.StreamServer, streams.StreamServer),
	}
}

// bound is a limit for all calls together. To clients it looks like their own: they
// are to come back, and here.
func bound(l limiter.Limiter) *belaygrpc.Limit {
	return belaygrpc.Shared(l, belaygrpc.Options{
		Name: "service",
		Wait: queueTime,
		OnRefused: func(ctx context.Context, _ belaygrpc.Call, why belaygrpc.Refusal) {
			turnedAway(ctx, busy(ctx, why.Err))
		},
		Refuse: func(_ context.Context, _ belaygrpc.Call, why belaygrpc.Refusal) *status.Status {
			if why.Code != codes.Unavailable {
				return nil
			}
			return status.New(codes.ResourceExhausted, errBusy.Error())
		},
	})
}

// turnedAway notes why the limits don't admit a call.
func turnedAway(ctx context.Context, err error) { ctx.Value(callKey{}).(*call).err = err }

// unary counts a call, and gives its error the code that clients see.
func (s *service) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	if isProbe(info.FullMethod) {
		return handle(ctx, req)
	}
	call := s.served.begin(info.FullMethod)
	defer func() { err = s.ended(call, err) }()
	return handle(context.WithValue(ctx, callKey{}, call), req)
}

// stream is unary for a stream.
func (s *service) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	if isProbe(info.FullMethod) {
		return handle(srv, stream)
	}
	call := s.served.begin(info.FullMethod)
	defer func() { err = s.ended(call, err) }()
	return handle(srv, servedStream{stream, context.WithValue(stream.Context(), callKey{}, call)})
}

func (s *service) ended(c *call, err error) error {
	if c.err != nil { // the limits have worded it
		c.end(c.err)
		return err
	}
	c.end(err)
	return s.rpcError(c.route, err)
}

// isProbe tells the calls that aren't counted, and bypass every limit.
func isProbe(method string) bool {
	return strings.HasPrefix(method, "/"+healthpb.Health_ServiceDesc.ServiceName+"/")
}

// servedStream is a stream that is being served.
type servedStream struct {
	grpc.ServerStream
	ctx context.Context // of this one stream
}

func (s servedStream) Context() context.Context { return s.ctx }
