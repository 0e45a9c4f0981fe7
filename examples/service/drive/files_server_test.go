package drive

// A grpc server in this process, with a fault to plant.

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/belay-go/belay/examples/service/servicepb"
)

// fault is what goes wrong in a call that is half done.
type fault func(context.Context, *grpc.Server) error

func none(context.Context, *grpc.Server) error { return nil }

func with(code codes.Code) fault {
	return func(context.Context, *grpc.Server) error { return status.Error(code, "planted") }
}

// cut ends the server, and with it all connections, under the call.
func cut(ctx context.Context, s *grpc.Server) error {
	go s.Stop() // ends after this call
	<-ctx.Done()
	return ctx.Err()
}

// filesServer answers as the service does, but for its fault.
type filesServer struct {
	servicepb.UnimplementedFilesServer
	fault  fault
	server *grpc.Server
}

// newFilesServer serves grpc until the test ends.
func newFilesServer(t *testing.T, f fault) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &filesServer{fault: f, server: grpc.NewServer()}
	servicepb.RegisterFilesServer(s.server, s)
	go s.server.Serve(ln) // ends with Stop
	t.Cleanup(s.server.Stop)
	return ln.Addr().String()
}

func (s *filesServer) Sum(ctx context.Context, r *servicepb.SumRequest) (*servicepb.FileSum, error) {
	return &servicepb.FileSum{Path: r.GetPath(), Sha256: "1f"}, s.fault(ctx, s.server)
}

func (s *filesServer) Tree(_ *servicepb.TreeRequest, out grpc.ServerStreamingServer[servicepb.FileSum]) error {
	out.Send(&servicepb.FileSum{Path: "a"})
	return s.fault(out.Context(), s.server)
}

func (s *filesServer) Echo(stream grpc.BidiStreamingServer[servicepb.EchoMessage, servicepb.EchoMessage]) error {
	for i := 0; ; i++ {
		msg, err := stream.Recv()
		if err != nil {
			return end(err)
		}
		if i == pingPongs/2 {
			if err := s.fault(stream.Context(), s.server); err != nil {
				return end(err)
			}
		}
		stream.Send(msg)
	}
}
