package belaygrpc

// This file answers calls whose handler panics.

import (
	"context"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay"
)

// Panics answers calls whose handler, or an interceptor further in, panics or
// calls runtime.Goexit: with codes.Internal, and no word of why. Without it a panic
// crashes the process, and a Goexit leaves the client without an answer and
// GracefulStop waiting. The zero value is ready to use; its methods are
// interceptors and may be called concurrently.
//
// The handler runs on a goroutine of its own, which ends with it and is waited for:
// nothing else can answer after a Goexit. What the handler has started itself isn't
// covered, and a fatal error (a concurrent map write, for example) still is one.
//
// Where it stands in the chain, everything further out is left as by an error:
// permits are released either way.
type Panics struct {
	// OnPanic is told what it was, before the client is answered. After a Goexit
	// the value is [belay.ErrGoexit]. If nil, method, value and stack go to slog's
	// default, as an error. Of its own panic the process dies.
	OnPanic func(ctx context.Context, method string, p *belay.PanicError)
}

// UnaryServer is a [grpc.UnaryServerInterceptor].
func (p Panics) UnaryServer(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	if caught := contain(func() { resp, err = handle(ctx, req) }); caught != nil {
		return nil, p.answer(ctx, info.FullMethod, caught)
	}
	return resp, err
}

// StreamServer is a [grpc.StreamServerInterceptor].
func (p Panics) StreamServer(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	if caught := contain(func() { err = handle(srv, stream) }); caught != nil {
		return p.answer(stream.Context(), info.FullMethod, caught)
	}
	return err
}

// contain runs f to its end, whichever that is.
func contain(f func()) (caught *belay.PanicError) {
	done := make(chan struct{})
	go func() { // ends with f
		defer close(done)
		returned := false
		defer func() {
			if returned {
				return
			}
			value := recover()
			if value == nil {
				value = belay.ErrGoexit
			}
			caught = &belay.PanicError{Value: value, Stack: debug.Stack()}
		}()
		f()
		returned = true
	}()
	<-done
	return caught
}

// answer reports a panic, and returns what the client gets to know.
func (p Panics) answer(ctx context.Context, method string, caught *belay.PanicError) error {
	if p.OnPanic != nil {
		p.OnPanic(ctx, method, caught)
	} else {
		slog.ErrorContext(ctx, "belaygrpc: a handler panicked", "method", method, "panic", caught.Value, "stack", string(caught.Stack))
	}
	return status.Error(codes.Internal, "internal error")
}
