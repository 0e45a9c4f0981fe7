//go:build !race

package belaygrpc_test

// What the interceptors add to a call, in allocations; the race detector changes
// them.

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/semaphore"
)

// silent is a stream that does nothing.
type silent struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *silent) Context() context.Context { return s.ctx }
func (*silent) RecvMsg(any) error          { return nil }

// idle is a client's stream that does nothing.
type idle struct{ grpc.ClientStream }

func (idle) RecvMsg(any) error { return nil }

func TestWhatAnInterceptorAllocates(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4242}})
	ctx = metadata.NewIncomingContext(ctx, metadata.Pairs("user", "ann"))
	sem := semaphore.NewWeighted(10)
	of := func(string) limiter.Limiter { return sem }
	shared := belaygrpc.Shared(sem, belaygrpc.Options{})
	settle := belaygrpc.Shared(sem, belaygrpc.Options{Settle: true})
	metered := belaygrpc.Shared(sem, belaygrpc.Options{Messages: true})
	waits := belaygrpc.Shared(sem, belaygrpc.Options{Wait: time.Second})
	byPeer := belaygrpc.PerKey(belaygrpc.ByPeer, of, belaygrpc.Options{})
	byUser := belaygrpc.PerKey(belaygrpc.ByMetadata("user"), of, belaygrpc.Options{})
	limit := belaygrpc.Deadline{Limit: time.Minute}
	both := belaygrpc.Deadline{Limit: time.Minute, Reserve: time.Second}
	var graceful belaygrpc.Graceful

	unary := func(i grpc.UnaryServerInterceptor) func() {
		info, handle := &grpc.UnaryServerInfo{FullMethod: say}, func(context.Context, any) (any, error) { return nil, nil }
		return func() { _, _ = i(ctx, nil, info, handle) }
	}
	stream := func(i grpc.StreamServerInterceptor) func() {
		var s grpc.ServerStream = &silent{ctx: ctx}
		info, handle := &grpc.StreamServerInfo{FullMethod: chat}, func(_ any, s grpc.ServerStream) error { return s.RecvMsg(nil) }
		return func() { _ = i(nil, s, info, handle) }
	}
	invoke := func(i grpc.UnaryClientInterceptor) func() {
		do := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }
		return func() { _ = i(ctx, say, nil, nil, nil, do) }
	}
	open := func(i grpc.StreamClientInterceptor) func() {
		do := func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			return idle{}, nil
		}
		return func() {
			s, _ := i(ctx, uploadDesc, nil, upload, do)
			_ = s.RecvMsg(nil)
		}
	}
	for _, c := range []struct {
		name string
		do   func()
		most float64
	}{
		{"Limit.UnaryServer", unary(shared.UnaryServer), 0},
		{"Limit.UnaryServer, Settle", unary(settle.UnaryServer), 3},
		{"Limit.UnaryServer, Wait", unary(waits.UnaryServer), 5},
		{"Limit.UnaryServer, ByPeer", unary(byPeer.UnaryServer), 3},
		{"Limit.UnaryServer, ByMetadata", unary(byUser.UnaryServer), 1},
		{"Limit.StreamServer", stream(shared.StreamServer), 0},
		{"Limit.StreamServer, Messages", stream(metered.StreamServer), 1},
		{"Limit.UnaryClient", invoke(shared.UnaryClient), 0},
		{"Limit.StreamClient", open(shared.StreamClient), 7},
		{"Deadline.UnaryServer, Limit", unary(limit.UnaryServer), 5},
		{"Deadline.UnaryServer, Limit and Reserve", unary(both.UnaryServer), 5},
		{"Deadline.StreamServer, Limit", stream(limit.StreamServer), 6},
		{"Deadline.UnaryClient, Limit", invoke(limit.UnaryClient), 5},
		{"Panics.UnaryServer", unary(belaygrpc.Panics{}.UnaryServer), 6},
		{"Graceful.StreamServer", stream(graceful.StreamServer), 1},
	} {
		n := testing.AllocsPerRun(1000, c.do)
		t.Logf("%-42s %v", c.name, n)
		require.LessOrEqual(t, n, c.most, c.name)
	}
}
