package drive

// The grpc clients against servers that fail them.

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// calls are a call of each sort: which client makes it, and its number.
var calls = map[string]struct {
	stream bool
	n      int
}{"sum": {false, 1}, "echo": {true, 1}, "slow echo": {true, 3}, "tree": {true, treeEvery - 1}}

var testSample = sample{files: []string{"a", "b"}, dir: "."}

func newTestRPC(t *testing.T, addr string, stream bool) *rpc {
	c := &rpc{addr: addr, sample: testSample, stream: stream}
	t.Cleanup(c.close)
	return c
}

func TestAGRPCCallIsCalledWhatBecameOfIt(t *testing.T) {
	for name, test := range map[string]struct {
		fault fault
		want  outcome
	}{
		"answered":           {none, answered},
		"turned away":        {with(codes.ResourceExhausted), shed},
		"refused with words": {with(codes.PermissionDenied), odd},
		"called unavailable": {with(codes.Unavailable), lost},
		"cut":                {cut, lost},
	} {
		for callName, call := range calls {
			t.Run(name+"/"+callName, func(t *testing.T) {
				c := newTestRPC(t, newFilesServer(t, test.fault), call.stream)
				r := one(testContext(t), c, call.n)
				require.Equal(t, test.want, r.outcome, "%v", r.err)
			})
		}
	}
}

func TestAConversationThatTheServerEndsEarlyIsLost(t *testing.T) {
	politely := func(context.Context, *grpc.Server) error { return io.EOF } // which Echo takes for its end
	r := one(testContext(t), newTestRPC(t, newFilesServer(t, politely), true), 1)
	require.Equal(t, lost, r.outcome, "%v", r.err)
}

func TestAGRPCConnectionThatIsAcceptedAndClosedIsLost(t *testing.T) {
	for name, serve := range map[string]func(*net.TCPConn){
		"closed": func(*net.TCPConn) {},
		"reset":  reset,
	} {
		for callName, call := range calls {
			t.Run(name+"/"+callName, func(t *testing.T) {
				r := one(testContext(t), newTestRPC(t, newFaulty(t, serve).addr, call.stream), call.n)
				require.Equal(t, lost, r.outcome, "%v", r.err)
			})
		}
	}
}

func TestEachLostGRPCCallHadAConnectionOfItsOwn(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			server := newFaulty(t, reset)
			c := newTestRPC(t, server.addr, call.stream)
			for range 5 {
				r := one(testContext(t), c, call.n)
				require.Equal(t, lost, r.outcome, "%v", r.err)
			}
			require.EqualValues(t, 5, server.accepted.Load(), "grpc's backoff was counted as losses")
		})
	}
}

func TestAGRPCDialToAClosedPortIsRefused(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			r := one(testContext(t), newTestRPC(t, closedAddr(t), call.stream), call.n)
			require.Equal(t, refused, r.outcome, "%v", r.err)
		})
	}
}

func TestACallAfterAGracefulStopIsRefused(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			stopped := make(chan struct{})
			stop := func(_ context.Context, s *grpc.Server) error {
				go func() { // ends after this call
					defer close(stopped)
					s.GracefulStop()
				}()
				return nil
			}
			var first fault = stop
			c := newTestRPC(t, newFilesServer(t, func(ctx context.Context, s *grpc.Server) error {
				f := first
				first = none
				return f(ctx, s)
			}), call.stream)
			r := one(testContext(t), c, call.n)
			require.Equal(t, answered, r.outcome, "%v", r.err)
			<-stopped
			r = one(testContext(t), c, call.n)
			require.Equal(t, refused, r.outcome, "%v", r.err)
		})
	}
}
