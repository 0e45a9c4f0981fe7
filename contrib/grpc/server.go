package belaygrpc

// This file limits the calls that a server takes.

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/limiter"
)

// UnaryServer is a [grpc.UnaryServerInterceptor]. The permit is held until the
// handler has returned, panicked or exited.
func (l *Limit) UnaryServer(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	if passes(info.FullMethod, l.opts.Probes) {
		return handle(ctx, req)
	}
	permit, err := l.admit(ctx, Call{Method: info.FullMethod, Request: req})
	if err != nil {
		pushBack(ctx, err)
		return nil, err
	}
	defer func() { end(permit, outcomeOf(ctx, err)) }()
	return handle(l.with(ctx, permit), req)
}

// StreamServer is a [grpc.StreamServerInterceptor]. The permit is held until the
// handler has returned, panicked or exited, also where the client has gone before.
func (l *Limit) StreamServer(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	if passes(info.FullMethod, l.opts.Probes) {
		return handle(srv, stream)
	}
	ctx, call := stream.Context(), Call{Method: info.FullMethod}
	if l.opts.Messages {
		m := &meteredServer{ServerStream: stream, limit: l, call: call}
		defer m.end()
		return handle(srv, m)
	}
	permit, err := l.admit(ctx, call)
	if err != nil {
		pushBack(ctx, err)
		return err
	}
	defer func() {
		outcome := outcomeOf(ctx, err)
		if info.IsClientStream && outcome == worked {
			outcome = unclear // it lasts for as long as the client likes
		}
		end(permit, outcome)
	}()
	if l.opts.Settle {
		stream = &serverStream{stream, l.with(ctx, permit)}
	}
	return handle(srv, stream)
}

// with returns the context of a handler that has the permit.
func (l *Limit) with(ctx context.Context, permit limiter.Permit) context.Context {
	if !l.opts.Settle {
		return ctx
	}
	return context.WithValue(ctx, permitKey(l.opts.Name), permit)
}

// pushBack tells a client with a retry policy when to come back (gRFC A6).
func pushBack(ctx context.Context, err error) {
	var r *refusal
	if !errors.As(err, &r) {
		return
	}
	var ms string
	switch {
	case r.after > 0:
		ms = strconv.FormatInt(int64(r.after/time.Millisecond), 10)
	case errors.Is(r.err, limiter.ErrTooLarge):
		ms = "-1"
	default:
		return
	}
	// An error is that of a handler which is called without a server.
	_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", ms))
}

// outcome is what became of a call, as far as a limit can learn from it.
type outcome int

const (
	worked  outcome = iota // it took as long as it took
	lost                   // to overload
	unclear                // how long it took says nothing
)

// end ends a permit.
func end(permit limiter.Permit, o outcome) {
	switch o {
	case worked:
		permit.Release()
	case lost:
		permit.Drop()
	case unclear:
		permit.Ignore()
	}
}

// outcomeOf says what became of a call to a server.
func outcomeOf(ctx context.Context, err error) outcome {
	switch {
	case ctx.Err() == context.Canceled:
		return unclear
	case ctx.Err() == context.DeadlineExceeded:
		return lost
	case err == nil:
		return worked
	}
	switch status.Code(err) {
	case codes.Unavailable: // further down
		return lost
	case codes.ResourceExhausted, codes.Canceled: // maybe by one client's own doing
		return unclear
	}
	if errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded {
		return lost
	}
	return worked
}

// serverStream is a stream with another context.
type serverStream struct {
	grpc.ServerStream
	ctx context.Context // derived from the stream's own
}

func (s *serverStream) Context() context.Context { return s.ctx }

// meteredServer is a stream whose messages have to be paid for.
type meteredServer struct {
	grpc.ServerStream
	limit *Limit
	call  Call

	mu struct {
		sync.Mutex
		permit limiter.Permit // of the last message
		pushed bool           // the client has been told when to come back
		over   bool           // the handler has ended
	}
}

// RecvMsg receives a message and takes what it costs. It comes in this order as
// the end of a stream costs nothing, and as a message may say itself what it costs.
func (s *meteredServer) RecvMsg(m any) error {
	s.keep(limiter.Permit{})
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	call := s.call
	call.Request = m
	permit, err := s.limit.admit(s.Context(), call)
	if err != nil {
		s.refused(err)
		return err
	}
	s.keep(permit)
	return nil
}

// refused tells the client when to come back, once, as a second value would mean
// never.
func (s *meteredServer) refused(err error) {
	s.mu.Lock()
	first := !s.mu.pushed
	s.mu.pushed = true
	s.mu.Unlock()
	if first {
		pushBack(s.Context(), err)
	}
}

// keep holds a permit in place of the last one, unless the handler has ended, with
// a RecvMsg still at work on a goroutine of its own.
func (s *meteredServer) keep(permit limiter.Permit) {
	s.mu.Lock()
	last := s.mu.permit
	s.mu.permit = permit
	over := s.mu.over
	s.mu.Unlock()
	last.Release()
	if over {
		permit.Release()
	}
}

func (s *meteredServer) end() {
	s.mu.Lock()
	s.mu.over = true
	s.mu.Unlock()
	s.keep(limiter.Permit{})
}
