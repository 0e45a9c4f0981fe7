package belaygrpc

// This file gives calls less time than they came with.

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/ctxutil"
)

// Deadline bounds calls in time. The zero value bounds nothing. Its methods are
// interceptors and may be called concurrently.
//
// On the server, the handler's context ends after Limit, or Reserve before the
// client's deadline, whichever is sooner: the reserve is for the answer, which is
// of no use to who has stopped waiting for it. On the client, the reserve is for
// the caller's own work with the answer. Neither ever extends a deadline.
//
// A call that can't make it fails at once, with DeadlineExceeded: one that has no
// more time than Reserve, or less than Least beyond it. Its error, which the
// caller on the client's side gets, wraps a [*ctxutil.TimeoutError]. One whose
// context is done fails with that.
//
// An answer that is there is passed on, however late. Of a handler that doesn't
// look at its context nothing is cut off. Health checks and reflection are not
// bounded, as a client watches for as long as it lives.
type Deadline struct {
	// Limit is the most that a call may take; zero or less: no limit.
	Limit time.Duration
	// Reserve is what is kept back of the time until the call's own deadline. Where
	// that has none, it isn't used.
	Reserve time.Duration
	// Least is the least time that a call needs. Where there is less until the
	// deadline, without the reserve, it isn't begun.
	Least time.Duration
}

// shrink returns the context of a call, and what ends it. One bound is enough: the
// sooner of the two.
func (d Deadline) shrink(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if deadline, ok := ctx.Deadline(); ok && !d.limitIsSooner(time.Until(deadline)) {
		ctx, cancel, err := ctxutil.Budget(ctx, d.Reserve, d.Least)
		if err != nil {
			return nil, nil, late(ctx, err)
		}
		return ctx, cancel, nil
	}
	if err := done(ctx); err != nil {
		return nil, nil, late(ctx, err)
	}
	ctx, cancel := d.limit(ctx)
	return ctx, cancel, nil
}

// limitIsSooner reports whether a call with that much time left is bounded by Limit,
// and can make it.
func (d Deadline) limitIsSooner(left time.Duration) bool {
	if d.Limit <= 0 || left <= 0 {
		return false
	}
	usable := left - max(d.Reserve, 0)
	return usable > d.Limit && usable >= d.Least
}

func (d Deadline) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.Limit <= 0 {
		return ctx, func() {}
	}
	return ctxutil.ShrinkNamed(ctx, "call", d.Limit)
}

// late returns the error of a call that isn't begun.
func late(ctx context.Context, err error) error {
	code := codes.DeadlineExceeded
	if ctx.Err() == context.Canceled {
		code = codes.Canceled
	}
	return &refusal{status: status.New(code, err.Error()), err: err}
}

// UnaryServer is a [grpc.UnaryServerInterceptor].
func (d Deadline) UnaryServer(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if passes(info.FullMethod, probes) {
		return handle(ctx, req)
	}
	ctx, cancel, err := d.shrink(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	return handle(ctx, req)
}

// StreamServer is a [grpc.StreamServerInterceptor]: it bounds all of a stream. No
// deadline fits all conversations, so think of which streams the server has.
func (d Deadline) StreamServer(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if passes(info.FullMethod, probes) {
		return handle(srv, stream)
	}
	ctx, cancel, err := d.shrink(stream.Context())
	if err != nil {
		return err
	}
	defer cancel()
	return handle(srv, &serverStream{stream, ctx})
}

// UnaryClient is a [grpc.UnaryClientInterceptor]. The server gets to know the
// shorter deadline.
func (d Deadline) UnaryClient(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if passes(method, probes) {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	ctx, cancel, err := d.shrink(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	return invoke(ctx, method, req, reply, cc, opts...)
}

// StreamClient is a [grpc.StreamClientInterceptor]: it bounds all of a stream. What
// bounds it is gone when the stream has ended, as the package doc defines that.
func (d Deadline) StreamClient(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if passes(method, probes) {
		return streamer(ctx, desc, cc, method, opts...)
	}
	ctx, cancel, err := d.shrink(ctx)
	if err != nil {
		return nil, err
	}
	s, err := follow(ctx, desc, cc, method, streamer, opts, func(error) { cancel() })
	if err != nil {
		return nil, err
	}
	return s, nil
}
