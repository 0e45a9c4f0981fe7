package recipes_test

// Streams of grpc, which GracefulStop alone would wait for until the cut.

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/belay-go/belay/examples/recipes"
	"github.com/belay-go/belay/graceful"
)

// dialGRPC serves streams whose last message comes at the drain, and health.
func dialGRPC(t *testing.T) (*running, *grpc.ClientConn) {
	r := run(t, func(m *graceful.Manager) {
		srv := grpc.NewServer(
			grpc.StreamInterceptor(recipes.Streams(m, "grpc")),
			grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
				if err := s.SendMsg(new(emptypb.Empty)); err != nil {
					return err
				}
				select {
				case <-graceful.Draining(s.Context()):
					return status.Error(codes.Unavailable, "resume elsewhere")
				case <-s.Context().Done():
					return s.Context().Err()
				}
			}))
		h := health.NewServer()
		grpc_health_v1.RegisterHealthServer(srv, h)
		m.Add(0, graceful.GRPC("grpc", "127.0.0.1:0", srv))
		m.Add(1, recipes.Health(h))
	})
	conn, err := grpc.NewClient(r.Addr("grpc").String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return r, conn
}

func TestAGRPCStreamEndsItselfWhenItsServerDrains(t *testing.T) {
	r, conn := dialGRPC(t)
	s, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/test.Test/Follow")
	require.NoError(t, err)
	require.NoError(t, s.CloseSend())
	require.NoError(t, s.RecvMsg(new(emptypb.Empty)))

	r.Stop(nil)
	err = s.RecvMsg(new(emptypb.Empty))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.ErrorContains(t, err, "resume elsewhere")
	r.endsClean()
}

func TestAWatcherOfHealthHearsOfTheStopAndDoesNotHoldItUp(t *testing.T) {
	r, conn := dialGRPC(t)
	s, err := grpc_health_v1.NewHealthClient(conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	answer, err := s.Recv()
	require.NoError(t, err)
	require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, answer.Status)

	r.Stop(nil)
	for err == nil { // NOT_SERVING may come too late for one who is told to go at once
		_, err = s.Recv()
	}
	require.Equal(t, codes.Canceled, status.Code(err), "%v", err)
	r.endsClean()
}
