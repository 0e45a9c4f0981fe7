package belaygrpc

// This file limits the calls that a client makes, and knows when one has ended.

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// UnaryClient is a [grpc.UnaryClientInterceptor]. The permit is held until the
// call has returned, with all attempts that grpc makes at it.
func (l *Limit) UnaryClient(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) (err error) {
	if passes(method, l.opts.Probes) {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	call := outgoing(cc, method)
	call.Request = req
	permit, err := l.admit(ctx, call)
	if err != nil {
		return err
	}
	defer func() { end(permit, outcomeForClient(ctx, err)) }()
	return invoke(ctx, method, req, reply, cc, opts...)
}

// StreamClient is a [grpc.StreamClientInterceptor]. The permit is held until the
// stream has ended; the package doc says when that is.
func (l *Limit) StreamClient(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if passes(method, l.opts.Probes) {
		return streamer(ctx, desc, cc, method, opts...)
	}
	call := outgoing(cc, method)
	if l.opts.Messages {
		ctx, cancel := context.WithCancel(ctx)
		s, err := follow(ctx, desc, cc, method, streamer, opts, func(error) { cancel() })
		if err != nil {
			return nil, err
		}
		return &meteredClient{clientStream: s, ctx: ctx, limit: l, call: call}, nil
	}
	permit, err := l.admit(ctx, call)
	if err != nil {
		return nil, err
	}
	s, err := follow(ctx, desc, cc, method, streamer, opts, func(err error) {
		outcome := outcomeForClient(ctx, err)
		if desc.ClientStreams && outcome == worked {
			outcome = unclear // it lasts for as long as the caller likes
		}
		end(permit, outcome)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func outgoing(cc *grpc.ClientConn, method string) Call {
	call := Call{Method: method, client: true}
	if cc != nil {
		call.Target = cc.Target()
	}
	return call
}

// outcomeForClient says what became of a client's call: that the server had no
// room for it is the client's limit's affair.
func outcomeForClient(ctx context.Context, err error) outcome {
	o := outcomeOf(ctx, err)
	if o == unclear && ctx.Err() == nil && status.Code(err) == codes.ResourceExhausted && !isLocal(err) {
		return lost
	}
	return o
}

// isLocal reports whether a call was refused before it went out.
func isLocal(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}

// clientStream knows when its stream has ended.
type clientStream struct {
	grpc.ClientStream
	single bool // one answer is all there is
	over   atomic.Bool
	leave  func() bool     // the watch on the context
	onEnd  func(err error) // called once; with io.EOF or nil if all went well
}

// follow opens a stream and calls onEnd once when it has ended, also if it could not
// be opened. There is no goroutine that waits for it.
func follow(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts []grpc.CallOption, onEnd func(err error)) (*clientStream, error) {
	s := &clientStream{single: !desc.ServerStreams, onEnd: onEnd}
	s.leave = context.AfterFunc(ctx, func() { s.finish(ctx.Err()) }) // maybe before leave is set
	opened := false
	defer func() {
		if !opened { // as streamer is anyone's code, maybe by a panic
			s.end(nil)
		}
	}()
	// Of all ends this is the only one that nothing else shows. The others are not
	// taken from here: an interceptor further in may try again, and all of its
	// tries are one stream to who is further out.
	closed := grpc.OnFinish(func(err error) {
		//lint:ignore SA1019 a status with this code may come from the server as well
		if errors.Is(err, grpc.ErrClientConnClosing) {
			s.end(err)
		}
	})
	inner, err := streamer(ctx, desc, cc, method, append(slices.Clip(opts), closed)...)
	if err != nil {
		s.end(err)
		return nil, err
	}
	opened = true
	s.ClientStream = inner
	return s, nil
}

func (s *clientStream) end(err error) {
	if s.finish(err) {
		s.leave()
	}
}

func (s *clientStream) finish(err error) (first bool) {
	if first = !s.over.Swap(true); first {
		s.onEnd(err)
	}
	return first
}

// Header ends the stream if it fails.
func (s *clientStream) Header() (metadata.MD, error) {
	md, err := s.ClientStream.Header()
	if err != nil {
		s.end(err)
	}
	return md, err
}

// SendMsg ends the stream if it fails here; what ends it elsewhere RecvMsg says.
func (s *clientStream) SendMsg(m any) error {
	err := s.ClientStream.SendMsg(m)
	if err != nil && err != io.EOF {
		s.end(err)
	}
	return err
}

// RecvMsg ends the stream with its last answer.
func (s *clientStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil || s.single {
		s.end(err)
	}
	return err
}

// meteredClient is a stream whose messages have to be paid for.
type meteredClient struct {
	*clientStream
	ctx   context.Context // of this stream, and done when that is over
	limit *Limit
	call  Call
}

// SendMsg takes what a message costs and sends it. If it is refused the stream is
// aborted, as grpc does for any error but io.EOF: callers rely on that. Of a stream
// that is over it says what grpc says, and takes nothing.
func (s *meteredClient) SendMsg(m any) error {
	call := s.call
	call.Request = m
	if s.over.Load() {
		return s.clientStream.SendMsg(m)
	}
	permit, err := s.limit.admit(s.ctx, call)
	if err != nil && s.over.Load() {
		return s.clientStream.SendMsg(m)
	}
	if err != nil {
		s.end(err)
		return err
	}
	defer permit.Release()
	return s.clientStream.SendMsg(m)
}
